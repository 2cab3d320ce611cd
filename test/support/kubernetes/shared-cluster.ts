import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Cluster, startCluster } from "./cluster.ts";

/** Where test processes ask for the cluster of this run. */
export const BROKER_VARIABLE = "CLAW_TEST_CLUSTER_BROKER";
export const REAL_PATH = "/real";

/**
 * One cluster for all tests of a run, and one with a real node, each started when the first test asks: most runs of single files need
 * none. The tests run in other processes, so they ask over HTTP and get the path of a kubeconfig.
 */
export async function serveSharedCluster(): Promise<() => Promise<void>> {
  const started = new Map<string, Promise<Cluster>>();
  const server = createServer(async ({ url = "/" }, response) => {
    const cluster = started.get(url) ?? startCluster({ nodes: 3, real: url === REAL_PATH });
    started.set(url, cluster);
    try {
      response.end((await cluster).kubeconfigPath);
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.env[BROKER_VARIABLE] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async () => {
    delete process.env[BROKER_VARIABLE];
    server.close();
    server.closeAllConnections();
    for (const cluster of started.values()) {
      await (await cluster.catch(() => undefined))?.stop();
    }
  };
}
