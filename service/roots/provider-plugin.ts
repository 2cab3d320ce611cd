/**
 * Serves one of our providers to the real Pulumi CLI, which starts it as `pulumi-resource-<package>`: a composition root of its own.
 * The package is the first argument.
 */
import { serveProvider } from "../../adapters/engine/plugins/serve-provider.ts";
import { resourceProviders } from "./packages.ts";

const [, , name = ""] = process.argv;
const provider = Object.hasOwn(resourceProviders, name) ? resourceProviders[name] : undefined;
if (!provider) {
  throw new Error(`'${name}' is none of our packages: ${Object.keys(resourceProviders).join(", ")}`);
}
await serveProvider(provider());
