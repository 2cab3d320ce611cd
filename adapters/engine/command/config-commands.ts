import {
  isSecureAt,
  objectValue,
  qualifyKey,
  revealConfigValue,
  type StoredConfig,
  splitConfigPath,
  valueAt,
  withConfigValue,
  withoutConfigValue,
} from "./config-values.ts";
import { type CommandContext, existingStack, openSecrets, type StackContext } from "./context.ts";
import { CommandFailure, ExitCode } from "./failure.ts";
import { printJson } from "./stack-commands.ts";

export async function configList(ctx: CommandContext): Promise<void> {
  const { stack } = await existingStack(ctx);
  const showSecrets = ctx.command.bool("show-secrets") ?? false;
  const isSealed = Object.values(stack.config).some((value) => value.secure);
  const secrets = showSecrets && isSealed ? await openSecrets(ctx, stack) : undefined;
  const shown = Object.entries(stack.config)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, stored]) => {
      if (stored.secure && !secrets) {
        return [key, { secret: true }] as const;
      }
      const value = secrets ? revealConfigValue(stored, secrets) : stored.value;
      return [key, { value, ...(stored.object && { objectValue: JSON.parse(value) }), secret: stored.secure }] as const;
    });
  if (ctx.command.bool("json")) {
    return printJson(ctx, Object.fromEntries(shown));
  }
  for (const [key, entry] of shown) {
    ctx.out(`${key}  ${"value" in entry ? entry.value : "[secret]"}\n`);
  }
}

export async function configGet(ctx: CommandContext): Promise<void> {
  const { project, ref, stack } = await existingStack(ctx);
  const [shownKey = ""] = ctx.command.positionals;
  const { key, path } = targetOf(ctx, project.name, shownKey);
  const stored = Object.hasOwn(stack.config, key) ? stack.config[key] : undefined;
  const missing = new CommandFailure(ExitCode.Failed, `configuration key '${shownKey}' not found for stack '${ref.stack}'`);
  if (!stored) {
    throw missing;
  }
  const plain = stored.secure ? revealConfigValue(stored, await openSecrets(ctx, stack)) : stored.value;
  const isWhole = path.length === 0;
  const found = isWhole ? { text: plain, object: stored.object ? JSON.parse(plain) : undefined } : stored.object && valueAt(plain, path);
  if (!found) {
    throw missing;
  }
  if (!ctx.command.bool("json")) {
    ctx.out(`${found.text}\n`);
    return;
  }
  const { text: value, object } = found;
  printJson(ctx, { value, ...(object !== undefined && { objectValue: object }), secret: isSecureAt(stored, path) });
}

export async function configSet(ctx: CommandContext): Promise<void> {
  const { project, ref, stack } = await existingStack(ctx);
  const [key = "", value = ""] = ctx.command.positionals;
  const secrets = await openSecrets(ctx, stack);
  const target = targetOf(ctx, project.name, key);
  const isSecret = ctx.command.bool("secret") ?? false;
  await ctx.store.setConfig(ref, withConfigValue(stack.config, target, value, isSecret, secrets));
}

export async function configSetAll(ctx: CommandContext): Promise<void> {
  const { project, ref, stack } = await existingStack(ctx);
  const { command } = ctx;
  const secrets = await openSecrets(ctx, stack);
  let config: StoredConfig = stack.config;
  const json = command.value("json");
  if (json !== undefined) {
    if (command.has("plaintext") || command.has("secret") || command.has("path")) {
      throw new CommandFailure(ExitCode.Failed, "the --json option cannot be used with the --plaintext, --secret or --path options");
    }
    for (const [key, entry] of Object.entries(parseJsonConfig(json))) {
      if (typeof entry?.value !== "string") {
        throw new CommandFailure(ExitCode.Failed, `value for --json object key "${key}" is nil`);
      }
      const isPlainObject = entry.objectValue !== undefined && entry.objectValue !== null && !entry.secret;
      const stored = isPlainObject
        ? objectValue(JSON.parse(entry.value))
        : { value: entry.secret ? secrets.encrypt(entry.value) : entry.value, secure: entry.secret === true };
      config = { ...config, [qualifyKey(project.name, key)]: stored };
    }
  }
  for (const kind of ["plaintext", "secret"] as const) {
    for (const pair of command.list(kind)) {
      const equals = pair.indexOf("=");
      if (equals < 1) {
        throw new CommandFailure(ExitCode.Failed, `config value must be in the form 'key=value': ${pair}`);
      }
      const target = targetOf(ctx, project.name, pair.slice(0, equals));
      config = withConfigValue(config, target, pair.slice(equals + 1), kind === "secret", secrets);
    }
  }
  await ctx.store.setConfig(ref, config);
}

function parseJsonConfig(json: string): Record<string, { value?: unknown; objectValue?: unknown; secret?: boolean } | null> {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CommandFailure(ExitCode.Failed, `could not parse --json argument: ${(cause as Error).message}`);
  }
}

/** `config rm` and `config rm-all`. */
export async function configRemove(ctx: CommandContext): Promise<void> {
  const { project, ref, stack } = await existingStack(ctx);
  const config = ctx.command.positionals.reduce<StoredConfig>(
    (left, key) => withoutConfigValue(left, targetOf(ctx, project.name, key)),
    stack.config,
  );
  await ctx.store.setConfig(ref, config);
}

/** Sets the config of the last update again. */
export async function configRefresh(ctx: CommandContext): Promise<void> {
  const { ref } = await existingStack(ctx);
  const [latest] = await ctx.store.listHistory(ref, 1);
  if (!latest) {
    throw new CommandFailure(ExitCode.Failed, "getting latest configuration: no previous deployment");
  }
  const config = Object.fromEntries(
    Object.entries(latest.config).map(([key, { value, secret, object }]) => [key, { value, secure: secret, ...(object && { object }) }]),
  );
  await ctx.store.setConfig(ref, config);
}

function targetOf(ctx: CommandContext, project: StackContext["project"]["name"], key: string) {
  return ctx.command.bool("path") ? splitConfigPath(project, key) : { key: qualifyKey(project, key), path: [] };
}
