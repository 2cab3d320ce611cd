/** A cluster to develop against: `node test/support/kubernetes/main.ts`, until interrupted. */
import { startCluster } from "./cluster.ts";

const cluster = await startCluster();
process.stdout.write(`export KUBECONFIG=${cluster.kubeconfigPath} CLAW_TEST_KUBECONFIG=${cluster.kubeconfigPath}\n`);
const end = setInterval(() => undefined, 60_000);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    clearInterval(end);
    await cluster.stop();
  });
}
