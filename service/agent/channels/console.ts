import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { isAbsolute } from "node:path";
import type { IPty } from "@lydell/node-pty";
import { confinementOf, enter, prepareFolders } from "../../../adapters/confinement/confinement.ts";
import { NOT_OF_THE_AGENT } from "../attended-claw.ts";
import { confinedClaw, environmentOf, resolvePlaceholders } from "../launch.ts";
import { type ChannelContext, type ChannelHandler, sendFrom } from "./channel.ts";
import { terminalInput } from "./terminal-input.ts";

/** An interactive terminal inside the instance: the claw's own console command, or a shell in its data directory. */
export async function openConsole(ctx: ChannelContext, open: { cols: number; rows: number }): Promise<ChannelHandler> {
  if (!ctx.claw.process) {
    ctx.end({ error: NOT_OF_THE_AGENT });
    return { closed: () => {} };
  }
  const { spec, port, status } = ctx.claw.process;
  const declared = spec.runtime.console;
  if (declared && port === undefined) {
    ctx.end({ error: `the instance is not running: ${status.phase} (${status.reason})` });
    return { closed: () => {} };
  }
  const pty = await import("@lydell/node-pty").catch((err: Error) => err);
  if (pty instanceof Error) {
    ctx.end({ error: `no console on this host: the package '@lydell/node-pty' can't be loaded (${pty.message})` });
    return { closed: () => {} };
  }
  const [command = "/bin/sh", ...args] = declared?.map((part) => resolvePlaceholders(part, spec, port ?? 0)) ?? [shell()];
  if (isAbsolute(command) && !existsSync(command)) {
    ctx.end({ error: `no console: this host has no '${command}'` });
    return { closed: () => {} };
  }
  let terminal: IPty;
  try {
    const confinement = confinementOf(spec.dirs.hostDir);
    prepareFolders(confinement, confinedClaw(spec));
    const { command: program, args: programArgs, ...user } = enter(confinement, confinedClaw(spec), command, args, true);
    terminal = pty.spawn(program, [...programArgs], {
      ...user,
      name: "xterm-256color",
      cols: open.cols,
      rows: open.rows,
      cwd: spec.dirs.dataDir,
      env: { ...environmentOf(spec, port ?? 0), TERM: "xterm-256color", LANG: "C.UTF-8" },
      encoding: null,
    });
  } catch (err) {
    ctx.end({ error: `the console '${command}' can't be started: ${(err as Error).message}` });
    return { closed: () => {} };
  }
  // What the package's types don't say of its terminals.
  const { fd, _socket: stream } = terminal as unknown as { readonly fd: number; readonly _socket: Socket };
  const input = terminalInput(fd);
  stream.once("close", input.close);
  // The package throws what nobody else listens to.
  stream.on("error", () => {});
  // With a null encoding the data are bytes, which the package's types don't say.
  terminal.onData((data: string | Buffer) => sendFrom(ctx, terminal, Buffer.from(data as Buffer).toString("base64")));
  terminal.onExit(({ exitCode }) => ctx.end({ exitCode }));
  return {
    data: (data) => input.write(Buffer.from(data, "base64")),
    resize: (cols, rows) => terminal.resize(cols, rows),
    closed: () => {
      input.close();
      try {
        terminal.kill("SIGHUP");
      } catch {
        // It has ended already.
      }
    },
  };
}

function shell(): string {
  return existsSync("/bin/bash") ? "/bin/bash" : "/bin/sh";
}
