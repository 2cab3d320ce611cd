import { readFile, writeFile } from "node:fs/promises";
import { cancelHolder, withLease } from "../contract/lease.ts";
import type { HistoryEntry, StackRef } from "../contract/store.ts";
import type { PropertyMap, PropertyValue } from "../contract/values.ts";
import { mapStateValues, maskSecrets, resealSecrets, revealSecrets, unwrapSecrets } from "../secrets/secret-values.ts";
import type { StackSecrets } from "../secrets/stack-secrets.ts";
import { exportCheckpoint, importProblems, parseExport, renameState, toStored } from "./checkpoint.ts";
import { revealConfigValue } from "./config-values.ts";
import { type CommandContext, existingStack, findStack, openSecrets, stackRef, toRef } from "./context.ts";
import { CommandFailure, ExitCode } from "./failure.ts";
import { loadProject } from "./project.ts";

export async function stackInit(ctx: CommandContext): Promise<void> {
  const { ref } = await stackRef(ctx, ctx.command.positionals[0]);
  // An existing stack is reported before a passphrase is asked for.
  if (await ctx.store.findStack(ref)) {
    const name = `organization/${ref.project}/${ref.stack}`;
    throw new CommandFailure(ExitCode.Failed, `stack '${name}' already exists`);
  }
  const secrets = await ctx.secrets.create(ctx.command.value("secrets-provider"), ctx.env);
  await ctx.store.createStack(ref, secrets.provider);
  if (!ctx.command.has("no-select")) {
    ctx.selected.set(ctx.cwd, ref.stack);
  }
  ctx.err(`Created stack '${ref.stack}'\n`);
}

export async function stackSelect(ctx: CommandContext): Promise<void> {
  const { ref } = await existingStack(ctx, ctx.command.positionals[0]);
  ctx.selected.set(ctx.cwd, ref.stack);
}

export async function stackList(ctx: CommandContext): Promise<void> {
  const project = await loadProject(ctx.cwd);
  const stacks = await ctx.store.listStacks(ctx.command.bool("all") ? undefined : project.name);
  const listed = stacks.map(({ ref, lastUpdate, updateInProgress, resourceCount }) => ({
    name: ref.project === project.name ? ref.stack : `organization/${ref.project}/${ref.stack}`,
    current: ref.project === project.name && ref.stack === ctx.selected.get(ctx.cwd),
    ...(lastUpdate && { lastUpdate }),
    ...(updateInProgress && { updateInProgress }),
    resourceCount,
  }));
  if (ctx.command.bool("json")) {
    return printJson(ctx, listed);
  }
  for (const { name, current, resourceCount, lastUpdate } of listed) {
    ctx.out(`${name}${current ? "*" : ""}  ${lastUpdate ?? "n/a"}  ${resourceCount}\n`);
  }
}

export async function stackRemove(ctx: CommandContext): Promise<void> {
  const { ref } = await existingStack(ctx, ctx.command.positionals[0]);
  await withLease(ctx, ref, async (lease) => {
    const { resources } = await ctx.store.loadResources(ref);
    if (resources.length > 0 && !ctx.command.bool("force")) {
      throw new CommandFailure(
        ExitCode.Failed,
        `'${ref.stack}' still has resources; removal rejected. Possible actions:\n` +
          `- Make sure that '${ref.stack}' is the stack that you want to destroy\n` +
          "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n" +
          "- Run `pulumi stack rm --force` to override this error",
      );
    }
    await ctx.store.removeStack(lease);
  });
  ctx.out(`Stack '${ref.stack}' has been removed!\n`);
}

export async function stackRename(ctx: CommandContext): Promise<void> {
  const { project, ref } = await existingStack(ctx);
  const to = toRef(project, ctx.command.positionals[0] ?? "");
  if (to.project !== ref.project) {
    throw new CommandFailure(ExitCode.Failed, "a stack can't be renamed into another project");
  }
  if (await ctx.store.findStack(to)) {
    throw new CommandFailure(ExitCode.Failed, `stack '${to.stack}' already exists`);
  }
  await withLease(ctx, ref, async (lease) => {
    const { resources } = await ctx.store.loadResources(ref);
    const pending = await ctx.store.loadPending(ref);
    const renamed = await ctx.store.renameStack(lease, to, {
      resources: toStored(resources.map(({ state }) => renameState(state, ref, to.stack))),
      pending: pending.map(({ operation }) => ({
        ...operation,
        resource: renameState(operation.resource, ref, to.stack),
      })),
    });
    await ctx.store.releaseLease(renamed);
  });
  ctx.selected.set(ctx.cwd, to.stack);
  ctx.out(`Renamed ${ref.stack} to ${to.stack}\n`);
}

export async function stackOutput(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const showSecrets = ctx.command.bool("show-secrets") ?? false;
  const outputs = await rootOutputs(ctx, ref);
  const secrets = showSecrets && hasSecrets(outputs) ? await openSecrets(ctx, stack) : undefined;
  const shown = (secrets ? unwrapSecrets(outputs, secrets) : maskSecrets(outputs)) as PropertyMap;
  const [name] = ctx.command.positionals;
  if (name !== undefined) {
    if (!Object.hasOwn(shown, name)) {
      throw new CommandFailure(ExitCode.Failed, `current stack does not have output property '${name}'`);
    }
    const value = shown[name];
    if (ctx.command.bool("json")) {
      return printJson(ctx, value);
    }
    ctx.out(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);
    return;
  }
  if (ctx.command.bool("json")) {
    return printJson(ctx, shown);
  }
  const rows = Object.entries(shown).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]);
  const width = Math.max("OUTPUT".length, ...rows.map(([key]) => key?.length ?? 0));
  ctx.out(`Current stack outputs (${rows.length}):\n`);
  for (const [key = "", value = ""] of rows.length > 0 ? [["OUTPUT", "VALUE"], ...rows] : [["No output values", ""]]) {
    ctx.out(`    ${key.padEnd(width)}  ${value}`.trimEnd().concat("\n"));
  }
}

async function rootOutputs(ctx: CommandContext, ref: StackRef): Promise<PropertyMap> {
  const root = `urn:pulumi:${ref.stack}::${ref.project}::pulumi:pulumi:Stack::${ref.project}-${ref.stack}`;
  const { resources } = await ctx.store.loadResources(ref, [root]);
  const outputs = resources.find(({ state }) => state.urn === root && !state.delete)?.state.outputs ?? {};
  return Object.fromEntries(Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hasSecrets(outputs: PropertyMap): boolean {
  return JSON.stringify(maskSecrets(outputs)) !== JSON.stringify(outputs);
}

export async function stackExport(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const pending = await ctx.store.loadPending(ref);
  const { resources } = await ctx.store.loadResources(ref);
  let states = resources.map(({ state }) => state);
  let operations = pending.map(({ operation }) => operation);
  const sealer = await exportSealer(ctx, stack.secretsProvider);
  const shows = ctx.command.bool("show-secrets") ?? false;
  if (shows || sealer) {
    const secrets = await openSecrets(ctx, stack);
    const map = (value: PropertyValue) => (shows || !sealer ? revealSecrets(value, secrets) : resealSecrets(value, secrets, sealer));
    states = states.map((state) => mapStateValues(state, map));
    operations = operations.map((operation) => ({ ...operation, resource: mapStateValues(operation.resource, map) }));
  }
  const isEnvelope = stack.secretsProvider?.type === "envelope";
  const provider = sealer?.provider ?? (shows && isEnvelope ? undefined : stack.secretsProvider);
  const text = JSON.stringify(exportCheckpoint(states, operations, provider), undefined, 4);
  const file = ctx.command.value("file");
  if (file === undefined) {
    ctx.out(`${text}\n`);
  } else {
    await writeFile(file, text);
  }
}

/**
 * The real CLI knows no envelopes, and can't take plaintext secrets without a secrets provider. When the environment has the
 * passphrase that the CLI will be given, an export is sealed with it.
 */
async function exportSealer(ctx: CommandContext, provider: StackSecrets["provider"] | undefined): Promise<StackSecrets | undefined> {
  const forCli = provider?.type === "envelope" && ctx.env["PULUMI_CONFIG_PASSPHRASE"] !== undefined;
  return forCli ? ctx.secrets.create("passphrase", ctx.env) : undefined;
}

export async function stackImport(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const file = ctx.command.value("file");
  if (file === undefined) {
    throw new CommandFailure(ExitCode.Failed, "no file to import: pass --file");
  }
  const deployment = parseExport(await readFile(file, "utf8"));
  const problems = importProblems(deployment, ref.stack);
  if (problems.length > 0 && !ctx.command.bool("force")) {
    throw importRefused(problems);
  }
  for (const problem of problems) {
    ctx.err(`warning: ${problem}\n`);
  }
  for (const { type, resource } of deployment.pending_operations ?? []) {
    ctx.err(`warning: removing pending operation '${type}' on '${resource.urn}' from snapshot\n`);
  }
  const to = await openSecrets(ctx, stack);
  const from = await sourceSecrets(ctx, deployment.secrets_providers, to);
  const states = (deployment.resources ?? []).map((state) => mapStateValues(state, (value) => resealSecrets(value, from, to)));
  await withLease(ctx, ref, (lease) => ctx.store.replaceDeployment(lease, toStored(states), []));
  ctx.out("Import complete.\n");
}

function importRefused(problems: readonly string[]): CommandFailure {
  const lines = [...problems, "importing this file could be dangerous; rerun with --force to proceed anyway"];
  const numbered = lines.map((line, index) => `    ${index + 1}) ${line}`).join("\n");
  return new CommandFailure(ExitCode.Failed, `${lines.length} errors occurred:\n${numbered}`);
}

/** The manager that sealed the file; one that holds plaintext secrets only needs none, so a failure waits for the first use. */
async function sourceSecrets(
  ctx: CommandContext,
  provider: StackSecrets["provider"] | undefined,
  own: StackSecrets,
): Promise<StackSecrets> {
  if (!provider || JSON.stringify(provider) === JSON.stringify(own.provider)) {
    return own;
  }
  try {
    return await ctx.secrets.open(provider, ctx.env);
  } catch (cause) {
    const decrypt = (): string => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CommandFailure(ExitCode.Failed, `the file's secrets can't be decrypted: ${reason}`);
    };
    return { ...own, decrypt };
  }
}

export async function stackHistory(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const pageSize = ctx.command.value("page-size");
  const entries = await ctx.store.listHistory(
    ref,
    pageSize === undefined ? undefined : positive("page-size", pageSize),
    positive("page", ctx.command.value("page") ?? "1"),
  );
  const showSecrets = ctx.command.bool("show-secrets") ?? false;
  const isSealed = entries.some((entry) => Object.values(entry.config).some((value) => value.secret));
  const secrets = showSecrets && isSealed ? await openSecrets(ctx, stack) : undefined;
  printJson(
    ctx,
    entries.map((entry) => ({ ...entry, config: shownConfig(entry.config, secrets) })),
  );
}

function shownConfig(config: HistoryEntry["config"], secrets: StackSecrets | undefined) {
  return Object.fromEntries(
    Object.entries(config).map(([key, { value, secret, object }]) => {
      if (secret && !secrets) {
        return [key, { value: "[secret]", secret }];
      }
      const stored = { value, secure: secret, ...(object && { object }) };
      const plain = secrets ? revealConfigValue(stored, secrets) : value;
      return [key, { value: plain, ...(object && { objectValue: JSON.parse(plain) }), secret }];
    }),
  );
}

function positive(flag: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) {
    return number;
  }
  throw new CommandFailure(ExitCode.Failed, `invalid argument "${text}" for "--${flag}" flag: a positive number`);
}

export async function stackTagSet(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const [name = "", value = ""] = ctx.command.positionals;
  await ctx.store.setTags(ref, { ...stack.tags, [name]: value });
}

export async function stackTagGet(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const [name = ""] = ctx.command.positionals;
  if (!Object.hasOwn(stack.tags, name)) {
    throw new CommandFailure(ExitCode.Failed, `stack tag '${name}' not found for stack '${ref.stack}'`);
  }
  ctx.out(`${stack.tags[name]}\n`);
}

export async function stackTagList(ctx: CommandContext): Promise<void> {
  const { stack } = await existingStack(ctx);
  if (ctx.command.bool("json")) {
    return printJson(ctx, stack.tags);
  }
  for (const [name, value] of Object.entries(stack.tags)) {
    ctx.out(`${name}  ${value}\n`);
  }
}

export async function stackTagRemove(ctx: CommandContext): Promise<void> {
  const { ref, stack } = await existingStack(ctx);
  const { [ctx.command.positionals[0] ?? ""]: _removed, ...others } = stack.tags;
  await ctx.store.setTags(ref, others);
}

/** Takes the lease at once, whatever its holder is doing: for holders that are known to be gone. */
export async function stackUnlock(ctx: CommandContext): Promise<void> {
  const { ref } = await existingStack(ctx);
  const former = await ctx.store.breakLease(ref);
  ctx.out(former ? `Unlocked '${ref.stack}', which ${former} had locked\n` : `'${ref.stack}' was not locked\n`);
}

/** Asks the owner to stop, gives it time to end its running steps, then takes the lease. */
export async function cancel(ctx: CommandContext): Promise<void> {
  const { ref } = await stackRef(ctx, ctx.command.positionals[0]);
  await findStack(ctx, ref);
  for (const { ref: running, controller } of ctx.running.values()) {
    const isSame = running.project === ref.project && running.stack === ref.stack;
    if (isSame) {
      controller.abort(new Error("the operation was cancelled"));
    }
  }
  await cancelHolder(ctx.store, ref, ctx.cancelGraceMs);
  ctx.out(`The currently running update for '${ref.stack}' has been canceled!\n`);
}

export function printJson(ctx: CommandContext, value: unknown): void {
  ctx.out(`${JSON.stringify(value, undefined, 2)}\n`);
}
