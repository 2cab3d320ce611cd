import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";

/** Of a terminal, in the contract. */
const SIDE_MAX = 1000;

export const consoleCommand = defineCommand({
  path: "console",
  group: "Sessions",
  summary: "Open a terminal inside an instance",
  details: "Ends when the program in it ends ('exit' or Ctrl-D in a shell). Without a terminal, stdin is what is typed.",
  examples: ["claw console web", "echo 'ls -la' | claw console web"],
  syntax: (command) => command.argument("<instance>", "its name"),
  async run(context, _options, name) {
    const { io, claw, out, signal } = context;
    const { stdin, stdout } = io;
    const size = () => ({ cols: Math.min(stdout.columns || 80, SIDE_MAX), rows: Math.min(stdout.rows || 24, SIDE_MAX) });
    const terminal = await claw.instances.terminal(name, size(), { signal });
    const resize = () => {
      try {
        terminal.resize(size().cols, size().rows);
      } catch {
        // It has just closed, which the loop below tells.
      }
    };
    const type = typeInto(context, (bytes) => terminal.send(bytes));
    stdout.on("resize", resize);
    stdin.setRawMode?.(true);
    try {
      for await (const bytes of terminal) {
        await out.write(bytes);
      }
    } finally {
      stdin.setRawMode?.(false);
      stdout.off("resize", resize);
      type.stop();
      terminal.close();
    }
  },
});

const END_OF_TRANSMISSION = Uint8Array.of(4);
const END_REPEAT_MS = 500;

/** Sends what is typed, no faster than it is taken; the end of a pipe is Ctrl-D, so that the shell inside ends too. */
function typeInto({ io: { stdin } }: Context, send: (bytes: Uint8Array) => Promise<void>): { stop(): void } {
  // A terminal that has just closed refuses; its end is told by the reading side.
  const sendOrDrop = (bytes: Uint8Array) => send(bytes).catch(() => {});
  let isOpen = true;
  const onData = async (chunk: Buffer | string) => {
    stdin.pause();
    await sendOrDrop(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    if (isOpen) {
      stdin.resume();
    }
  };
  let ended: NodeJS.Timeout | undefined;
  const onEnd = () => {
    void sendOrDrop(END_OF_TRANSMISSION);
    // A terminal forgets one that arrives before the program in it reads; a pipe's end lasts.
    ended = setInterval(() => void sendOrDrop(END_OF_TRANSMISSION), END_REPEAT_MS);
  };
  stdin.on("data", onData);
  stdin.once("end", onEnd);
  return {
    stop() {
      isOpen = false;
      clearInterval(ended);
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.pause();
    },
  };
}
