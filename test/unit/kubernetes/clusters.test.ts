import { createServer } from "node:net";
import { describe, it, onTestFinished } from "vitest";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";

/** An address that accepts connections and breaks them off: an API server that is gone behind its load balancer. */
async function aDeadServer() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const kubeconfig = JSON.stringify({
    clusters: [{ name: "dead", cluster: { server: url } }],
    users: [{ name: "me", user: { token: "x" } }],
    contexts: [{ name: "dead", context: { cluster: "dead", user: "me" } }],
    "current-context": "dead",
  });
  return { url, access: { kubeconfig }, connections: () => connections };
}

describe("a cluster that is away", () => {
  it("is asked three times in a row, and then by whoever finds out whether it is back", async ({ expect }) => {
    const dead = await aDeadServer();
    const clusters = createClusters();
    onTestFinished(() => clusters.close());
    const ask = () => clusters.refreshPods(dead.access, "default", ["a"]);
    const connection = clusters.connect(dead.access);
    for (let time = 0; time < 3; time++) {
      await expect(ask()).rejects.toMatchObject({ name: "ClusterError" });
    }
    const asked = dead.connections();
    const refused = await ask().catch((error: unknown) => error);
    await expect(connection.usage()).rejects.toMatchObject({ name: "ClusterError" });
    expect(refused).toMatchObject({ name: "ClusterError", message: expect.stringMatching(/\w/) });
    expect(dead.connections()).toBe(asked);
    expect(clusters.circuits()).toEqual([
      { dependency: `kubernetes ${dead.url}`, state: "open", failures: 3, message: expect.stringContaining("unreachable") },
    ]);
    await expect(connection.inspect()).rejects.toMatchObject({ name: "ClusterError" });
    expect(dead.connections()).toBeGreaterThan(asked);
  });
});
