import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, onTestFinished } from "vitest";
import { until } from "../agent/harness.ts";
import { ApiClient } from "./api-client.ts";
import { whyNoCluster } from "./binaries.ts";
import { BROKER_VARIABLE, REAL_PATH } from "./shared-cluster.ts";

export interface TestCluster {
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  readonly api: ApiClient;
}

/**
 * The cluster that all tests of the run share (`real`: the one with a node whose pods really run), for the tests of one file: they are
 * skipped, saying why, where none can run.
 * `aNamespace` makes a namespace for one test and has it deleted afterwards.
 */
export function useCluster({ real = false } = {}): {
  cluster: () => TestCluster;
  aNamespace: (labels?: Record<string, string>) => Promise<string>;
} {
  const existing = real ? undefined : process.env["CLAW_TEST_KUBECONFIG"];
  const reason = existing ? undefined : whyNoCluster({ real });
  let cluster: TestCluster | undefined;
  beforeAll(async () => {
    if (!reason) {
      cluster = openCluster(existing ?? (await askForCluster(real ? REAL_PATH : "/")));
    }
  }, 300_000);
  beforeEach(({ skip }) => skip(reason !== undefined, reason));
  afterAll(() => cluster?.api.close());
  const get = () => {
    if (!cluster) {
      throw new Error("the cluster is there within tests only");
    }
    return cluster;
  };
  return {
    cluster: get,
    aNamespace: async (labels = {}) => {
      const { api } = get();
      const name = `test-${randomBytes(4).toString("hex")}`;
      await api.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
      // Not waited for: its content goes in its own time.
      onTestFinished(() => api.delete(`/api/v1/namespaces/${name}`));
      // Without it the API server refuses pods.
      await until(() => api.get(`/api/v1/namespaces/${name}/serviceaccounts/default`), "the default service account is there");
      return name;
    },
  };
}

function openCluster(kubeconfigPath: string): TestCluster {
  const kubeconfig = readFileSync(kubeconfigPath, "utf8");
  const { clusters, users } = JSON.parse(kubeconfig) as {
    clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
    users: [{ user: { token: string } }];
  };
  const [{ cluster }] = clusters;
  const ca = Buffer.from(cluster["certificate-authority-data"], "base64").toString("utf8");
  return { kubeconfig, kubeconfigPath, api: new ApiClient(cluster.server, users[0].user.token, ca) };
}

async function askForCluster(path: string): Promise<string> {
  const broker = process.env[BROKER_VARIABLE];
  if (!broker) {
    throw new Error(`${BROKER_VARIABLE} is not set: test/support/services.ts sets it for integration and end-to-end tests`);
  }
  const response = await fetch(broker + path);
  const text = await response.text();
  if (!response.ok) {
    throw new Error(text);
  }
  return text;
}
