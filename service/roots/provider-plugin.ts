/**
 * Serves one of our providers to the real Pulumi CLI, which starts it as `pulumi-resource-<package>`: a composition root of its own.
 * The package is the first argument.
 */
import { openClawCompletion } from "../../adapters/claws/openclaw/config-schemas.ts";
import { runConfined } from "../../adapters/confinement/run-confined.ts";
import { serveProvider } from "../../adapters/engine/plugins/serve-provider.ts";
import { localLauncher } from "../../adapters/providers/clusterclaw/agent-client.ts";
import { ClawProvider } from "../../adapters/providers/clusterclaw/provider.ts";
import { KubernetesProvider } from "../../adapters/providers/kubernetes/provider.ts";

const providers = {
  clusterclaw: () => new ClawProvider(localLauncher, openClawCompletion(runConfined)),
  kubernetes: () => new KubernetesProvider(),
};
const name = process.argv[2] as keyof typeof providers;
if (!Object.hasOwn(providers, name)) {
  throw new Error(`'${name}' is none of our packages: ${Object.keys(providers).join(", ")}`);
}
await serveProvider(providers[name]());
