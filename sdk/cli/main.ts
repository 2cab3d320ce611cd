#!/usr/bin/env node
import { ExitCode } from "./failure.ts";
import { programVersion } from "./version.ts";

const interruption = new AbortController();
process.on("SIGINT", () => {
  // The second Ctrl-C does not wait for anything to end in order.
  if (interruption.signal.aborted) {
    process.exit(ExitCode.Interrupted);
  }
  interruption.abort();
});
process.on("SIGTERM", () => interruption.abort());
// `claw get … | head` closes the pipe early: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? ExitCode.Ok : ExitCode.Failure);
});

const argv = process.argv.slice(2);
if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
  // Installers and editors ask for it all the time: nothing is loaded for it.
  process.stdout.write(`${programVersion}\n`);
} else {
  const [{ processIo }, { run }] = await Promise.all([import("./io.ts"), import("./program.ts")]);
  process.exitCode = await run(argv, processIo(interruption.signal));
}
