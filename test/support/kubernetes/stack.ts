import * as k8s from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { KubernetesProvider } from "../../../adapters/providers/kubernetes/provider.ts";
import { type CaseContext, conformanceSuite, type Outcome, type Program } from "../engine/conformance.ts";
import { type TestCluster, useCluster } from "./use-cluster.ts";

const ATTEMPTS = 10;

export interface KubernetesCase extends CaseContext {
  readonly cluster: TestCluster;
  /** A namespace for this case alone. */
  readonly namespace: string;
  /** A program whose resources go to the namespace through our provider, unless `settings` say otherwise. */
  program(make: (options: pulumi.CustomResourceOptions) => unknown, settings?: k8s.ProviderArgs): Program;
}

/**
 * Cases of our Kubernetes provider against the real API server: each on the embedded engine and, where there is one, on the real CLI,
 * which reaches the same provider as a plugin.
 */
export function kubernetesSuite(
  options: { real?: boolean } = {},
): (name: string, body: (context: KubernetesCase) => Promise<void>) => void {
  const { cluster, aNamespace } = useCluster(options);
  const conformance = conformanceSuite({ kubernetes: () => new KubernetesProvider({}) });
  return (name, body) =>
    conformance(
      name,
      async (context) => {
        const namespace = await aNamespace();
        const { kubeconfig } = cluster();
        const program: KubernetesCase["program"] = (make, settings = {}) => {
          return async () => {
            const provider = new k8s.Provider("cluster", { kubeconfig, namespace, ...settings });
            await make({ provider });
          };
        };
        await body({ ...context, cluster: cluster(), namespace, program });
      },
      { recordsDiffer: "the API server gives new uids, versions and times" },
    );
}

/** What an operation did, without what it left alone or only read. */
export function changedBy(outcome: Outcome): string[] {
  return outcome.steps.filter((step) => !/^(same|refresh) /.test(step));
}

/**
 * An update that fails when its time is up, as often as it takes until the failure says why: a slow cluster may not have come to its reason
 * when time is up first.
 */
export async function upUntilTold(up: () => Promise<Outcome>, reason: RegExp): Promise<readonly [Outcome, ...Outcome[]]> {
  const outcomes: [Outcome, ...Outcome[]] = [await up()];
  while (outcomes.length < ATTEMPTS && !outcomes[0].ok && !reason.test(outcomes[0].message)) {
    outcomes.unshift(await up());
  }
  return outcomes;
}

/** Any kind, as a program declares it: `new Kind("kubernetes:apps/v1:Deployment", "web", { spec })`. */
export class Kind extends pulumi.CustomResource {
  constructor(type: string, name: string, object: Record<string, unknown>, options: pulumi.CustomResourceOptions) {
    const [, groupVersion = "", kind = ""] = type.split(":");
    super(
      type,
      name,
      { apiVersion: groupVersion.replace(/^core\//, ""), kind, metadata: undefined, status: undefined, ...object },
      options,
    );
  }
}
