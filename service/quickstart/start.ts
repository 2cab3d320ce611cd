/** `npm start`: the service of a checkout, with the web console that its sources make. */
import { resolve } from "node:path";
import { prepareConsole } from "./prepare-console.ts";

// It is served as soon as it is there.
prepareConsole(resolve(import.meta.dirname, "../..")).catch((error: unknown) => {
  process.stderr.write(`the web console could not be built: ${error instanceof Error ? error.message : String(error)}\n`);
});
await import("../main.ts");
