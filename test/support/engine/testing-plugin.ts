import { serveProvider } from "../../../adapters/engine/plugins/serve-provider.ts";
import { TestProvider } from "./test-provider.ts";
import { DirectoryWorld } from "./test-world.ts";

// The test provider as a plugin process: the package is its first argument, its world a folder in the environment.
const [packageName = "testing"] = process.argv.slice(2);
const isPlain = packageName === "plain";
await serveProvider(
  new TestProvider(new DirectoryWorld(process.env["TESTING_WORLD"] ?? ""), {
    packageName,
    acceptsSecrets: !isPlain,
    supportsPreview: !isPlain,
  }),
);
