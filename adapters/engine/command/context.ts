import type { LeaseSettings } from "../contract/lease.ts";
import type { StackRef, StoredStack } from "../contract/store.ts";
import type { ProviderHost } from "../operation.ts";
import type { CommandEnvironment, SecretsOpener, StackSecrets } from "../secrets/stack-secrets.ts";
import type { ParsedCommand } from "./arguments.ts";
import type { ShownEvents } from "./event-stream.ts";
import { CommandFailure, ExitCode } from "./failure.ts";
import { loadProject, type ProjectSettings } from "./project.ts";

/** Everything one command works with. */
export interface CommandContext extends LeaseSettings {
  readonly command: ParsedCommand;
  readonly cwd: string;
  readonly env: CommandEnvironment;
  readonly providers: ProviderHost;
  readonly secrets: SecretsOpener;
  readonly cancelGraceMs: number;
  readonly shown: ShownEvents;
  readonly selected: SelectedStacks;
  out(text: string): void;
  err(text: string): void;
}

const SELECTIONS_KEPT = 256;

/** The stack each work directory selected last. Nothing depends on it but the `current` mark of `stack ls`. */
export class SelectedStacks {
  readonly #byDirectory = new Map<string, string>();
  set(directory: string, stack: string): void {
    this.#byDirectory.delete(directory);
    this.#byDirectory.set(directory, stack);
    const oldest = this.#byDirectory.keys().next().value;
    if (this.#byDirectory.size > SELECTIONS_KEPT && oldest !== undefined) {
      this.#byDirectory.delete(oldest);
    }
  }
  get(directory: string): string | undefined {
    return this.#byDirectory.get(directory);
  }
}

export interface StackContext {
  readonly project: ProjectSettings;
  readonly ref: StackRef;
}

/** The stack that `--stack` or a positional names: `name` or `organization/project/name`. */
export async function stackRef(ctx: CommandContext, positional?: string): Promise<StackContext> {
  const project = await loadProject(ctx.cwd);
  const name = positional ?? ctx.command.value("stack") ?? ctx.selected.get(ctx.cwd);
  if (name === undefined || name === "") {
    throw new CommandFailure(ExitCode.Failed, "no stack selected; pass --stack");
  }
  return { project, ref: toRef(project, name) };
}

export function toRef(project: ProjectSettings, name: string): StackRef {
  const parts = name.split("/");
  const stack = parts.at(-1) ?? "";
  if (parts.length > 3 || !/^[A-Za-z0-9_.-]{1,100}$/.test(stack)) {
    throw new CommandFailure(
      ExitCode.Failed,
      `invalid stack name '${name}': a stack name has up to 100 letters, digits, hyphens, underscores and periods`,
    );
  }
  const organization = parts.length === 1 ? "organization" : parts[0];
  if (organization !== "organization") {
    throw new CommandFailure(ExitCode.Failed, `stacks live in 'organization', not in '${organization}'`);
  }
  return { project: parts.length === 3 ? (parts[1] ?? project.name) : project.name, stack };
}

export async function findStack(ctx: CommandContext, ref: StackRef): Promise<StoredStack> {
  const stack = await ctx.store.findStack(ref);
  if (!stack) {
    throw new CommandFailure(ExitCode.StackMissing, `no stack named '${ref.stack}' found`);
  }
  return stack;
}

export async function existingStack(ctx: CommandContext, positional?: string): Promise<StackContext & { stack: StoredStack }> {
  const named = await stackRef(ctx, positional);
  return { ...named, stack: await findStack(ctx, named.ref) };
}

/** The stack's secrets manager; a stack that came without one gets the default. */
export async function openSecrets(ctx: CommandContext, stack: StoredStack): Promise<StackSecrets> {
  if (stack.secretsProvider) {
    return ctx.secrets.open(stack.secretsProvider, ctx.env);
  }
  const created = await ctx.secrets.create(undefined, ctx.env);
  await ctx.store.setSecretsProvider(stack.ref, created.provider);
  return created;
}
