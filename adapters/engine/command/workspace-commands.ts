import { userInfo } from "node:os";
import type { CommandContext } from "./context.ts";
import { CommandFailure, ExitCode } from "./failure.ts";
import { printJson } from "./stack-commands.ts";

const ENGINE_URL = "claw://embedded";

export function whoami(ctx: CommandContext): void {
  const user = userInfo().username;
  if (ctx.command.bool("json")) {
    printJson(ctx, { user, url: ENGINE_URL });
  } else {
    ctx.out(`${user}\n`);
  }
}

/** Providers run in process or are found on PATH and in PULUMI_HOME; nothing is installed here. */
export function pluginList(ctx: CommandContext): void {
  if (ctx.command.bool("json")) {
    printJson(ctx, []);
  }
}

export async function pluginInstall(ctx: CommandContext): Promise<void> {
  const [kind = "", name = "", version = ""] = ctx.command.positionals;
  if (kind !== "resource") {
    throw new CommandFailure(ExitCode.Failed, `plugins of kind '${kind}' are not supported by the embedded engine`);
  }
  try {
    await ctx.providers.load(name, { version: version.replace(/^v/, "") });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(ExitCode.Failed, `the embedded engine does not download plugins, and ${reason}`);
  }
}

export function pluginRemove(ctx: CommandContext): void {
  ctx.err("no plugins found to uninstall\n");
}

export function install(ctx: CommandContext): void {
  ctx.err("nothing to install: inline programs bring their dependencies, and plugins are found on PATH and in PULUMI_HOME\n");
}

export function orgUnsupported(): never {
  throw new CommandFailure(ExitCode.Failed, 'backends of this type "claw" do not support organizations');
}

export function environmentsUnsupported(): never {
  throw new CommandFailure(ExitCode.Failed, "backend claw does not support environments; they need the Pulumi Cloud backend");
}
