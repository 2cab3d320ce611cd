/** The process that tries a claw type for `claw adapter test`: a composition root of its own beside `main.ts`. Each verdict is a line of JSON. */
import { testClawType } from "./test-claw-type.ts";

const [type = "", set = "{}", change = "{}", cacheDir] = process.argv.slice(2);
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => interruption.abort());
}
try {
  const options = { set: JSON.parse(set), ...(change !== "{}" && { change: JSON.parse(change) }), signal: interruption.signal };
  for await (const verdict of testClawType(type, cacheDir === undefined ? options : { ...options, cacheDir })) {
    process.stdout.write(`${JSON.stringify(verdict)}\n`);
  }
} catch (error) {
  if (!interruption.signal.aborted) {
    throw error;
  }
  process.exitCode = 130;
}
