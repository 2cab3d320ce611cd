import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { Option } from "@commander-js/extra-typings";
import { UserAbortError } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, ExitCode } from "../failure.ts";
import { parseCount } from "../options.ts";

const PASS_BYTES = 24;

export const connectCommand = defineCommand({
  path: "connect",
  group: "Sessions",
  summary: "Reach an instance's port from this machine, through the control plane",
  details:
    "Listens on 127.0.0.1 until interrupted and prints the address to open. The instance exposes nothing. Whoever has the address is signed in: it ends in a token that stands for the claw's own for as long as the command runs.",
  examples: ["claw connect web", "claw connect web --port 18789"],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .addOption(new Option("-p, --port <port>", "the local port").argParser(parseCount(0, 65_535)).default(0, "a free one")),
  async run(context, { port }, name) {
    const { claw, out, signal } = context;
    const { spec } = await claw.instances.get(name, { signal });
    if (!spec.running) {
      throw new CliError(`instance '${name}' is stopped`, { fix: `start it: 'claw start ${name} --wait'`, exitCode: ExitCode.Conflict });
    }
    const pass = randomBytes(PASS_BYTES).toString("base64url");
    const server = createServer({ allowHalfOpen: false }, (socket) => {
      tunnel(context, name, pass, socket).catch((error: unknown) => {
        out.note(`connection to instance/${name} failed: ${error instanceof Error ? error.message : String(error)}`);
        socket.destroy();
      });
    });
    await listen(server, port);
    try {
      // What is behind a # is sent nowhere.
      await out.line(`http://127.0.0.1:${(server.address() as AddressInfo).port}/#token=${pass}`);
      out.note(`forwarding to instance/${name}; Ctrl-C ends it`);
      await new Promise<never>((_, reject) => {
        const end = () => reject(new UserAbortError("interrupted"));
        signal.aborted ? end() : signal.addEventListener("abort", end, { once: true });
      });
    } finally {
      server.close();
    }
  },
});

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new CliError(`port ${port} of this machine can't be used`, {
      why: cause instanceof Error ? cause.message : undefined,
      fix: "take another: --port <port>, or leave it out for a free one",
      cause,
    });
  }
}

async function tunnel({ claw, signal }: Context, name: string, pass: string, socket: Socket): Promise<void> {
  const stream = await claw.instances.connect(name, { signal, pass });
  const upward = (async () => {
    try {
      for await (const chunk of socket) {
        await stream.send(chunk as Buffer);
      }
    } finally {
      stream.close();
    }
  })();
  const downward = pipeline(stream, socket);
  // A reset by the local side is the end of a connection, not a failure worth telling.
  await Promise.all([
    upward.catch(() => {}),
    downward.catch((error: unknown) => (signal.aborted || socket.destroyed ? undefined : Promise.reject(error))),
  ]);
}
