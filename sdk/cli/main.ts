#!/usr/bin/env node
import { ExitCode } from "./failure.ts";
import { processIo } from "./io.ts";
import { run } from "./program.ts";

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

process.exitCode = await run(process.argv.slice(2), processIo(interruption.signal));
