import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, ConcurrentUpdateError, type PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import { ClawError, type StackEngine, type StackExport, type StackUpdate } from "../../sdk/contract/index.ts";
import type { StackAdministration, TenantStack } from "../../service/application/ports/operations.ts";
import type { StackLease, StackRef, StackStore } from "../../service/application/ports/stack-store.ts";
import type { RunnableCommand } from "./cli-command.ts";
import { openStack, type StackAccess } from "./open-stack.ts";
import { createPassphrase } from "./secrets/passphrase.ts";
import { engineOf, engineTag, noStack } from "./stack-engine.ts";
import { withLease } from "./stack-lease.ts";

export interface StateAccess extends StackAccess {
  readonly storeOf: (stack: TenantStack) => StackStore;
  /** The engine of that name, on a lease that is held already. */
  readonly engineFor: (stack: TenantStack, engine: StackEngine, lease: StackLease) => Promise<PulumiCommand>;
  /** Names this worker in leases. */
  readonly holder: string;
}

/** What needs an engine, and so runs in a worker. */
export type StateJobs = Pick<StackAdministration, "exportState" | "importState" | "history" | "migrate"> & {
  /** Removes the lock that a killed CLI left. */
  releaseLock(stack: TenantStack): Promise<void>;
};

const leaseTtlSeconds = 30;

/** The states of tenants' stacks, through the Automation API. */
export function createStateJobs(access: StateAccess): StateJobs {
  const refOf = ({ stack }: TenantStack): StackRef => ({ project: access.projectName, stack });
  const engineOrThrow = async (stack: TenantStack): Promise<StackEngine> => {
    const engine = await engineOf(access.storeOf(stack), refOf(stack));
    if (engine) return engine;
    throw noStack(stack);
  };
  const open = async (stack: TenantStack, command?: PulumiCommand) => (await openStack(stack, noProgram, access, command)).stack;

  return {
    async exportState(stack, showSecrets) {
      await engineOrThrow(stack);
      const opened = await open(stack);
      if (!showSecrets) return exportSealed(opened);
      const exported = (await opened.exportStack()) as unknown as StackExport;
      // For whoever imports it: a CLI takes no plaintext without a provider, and nobody else has the tenant's passphrase.
      const { salt } = await createPassphrase("");
      return { ...exported, deployment: { ...exported.deployment, secrets_providers: { type: "passphrase", state: { salt } } } };
    },
    async importState(stack, file) {
      await importInto(await open(stack), file);
      return { resources: file.deployment.resources?.length ?? 0 };
    },
    async history(stack, pageSize, page) {
      await engineOrThrow(stack);
      const updates = await (await open(stack)).history(pageSize, page, false);
      return updates.map(({ version, kind, result, startTime, endTime, message, resourceChanges = {} }) => ({
        version,
        kind,
        result: result === "succeeded" || result === "failed" ? result : "in-progress",
        startTime: startTime.toISOString(),
        endTime: endTime.toISOString(),
        message,
        resourceChanges: resourceChanges as StackUpdate["resourceChanges"],
      }));
    },
    async migrate(stack, to) {
      const from = await engineOrThrow(stack);
      const store = access.storeOf(stack);
      const settings = { store, holder: access.holder, leaseTtlSeconds, running: new Map(), signal: new AbortController().signal };
      return withLease(settings, refOf(stack), async (lease) => {
        const source = await exportSealed(await open(stack, await access.engineFor(stack, from, lease)));
        const resources = source.deployment.resources?.length ?? 0;
        if (from === to) return { from, resources };
        const target = await open(stack, await access.engineFor(stack, to, lease));
        await importInto(target, source);
        const arrived = await exportSealed(target);
        if (JSON.stringify(urnsOf(arrived)) !== JSON.stringify(urnsOf(source))) {
          throw new ClawError("engine.failed", `the state of stack '${stack.stack}' did not arrive whole; it stays with '${from}'`);
        }
        // From here on the other engine's copy is the stack; the one that stays behind is overwritten when it moves back.
        const tags = (await store.findStack(lease.ref))?.tags;
        await store.setTags(lease.ref, { ...tags, [engineTag]: to });
        return { from, resources };
      });
    },
    async releaseLock(stack) {
      await (await open(stack)).cancel();
    },
  };
}

async function noProgram(): Promise<void> {}

function urnsOf(exported: StackExport): string[] {
  return (exported.deployment.resources ?? []).map(({ urn }) => urn);
}

/** The parts of a workspace that the Automation API keeps to itself: its own export always shows secrets. */
interface Runnable {
  readonly workDir: string;
  readonly envVars: Record<string, string>;
  readonly pulumiCommand: RunnableCommand;
}

async function exportSealed({ name, workspace }: Stack): Promise<StackExport> {
  const { pulumiCommand, workDir, envVars } = workspace as unknown as Runnable;
  const { stdout } = await pulumiCommand.run(["stack", "export", "--stack", name], workDir, envVars);
  return JSON.parse(stdout) as StackExport;
}

/** The Automation API's own import leaves its file behind when it is refused, readable by all. */
async function importInto({ name, workspace }: Stack, exported: StackExport): Promise<void> {
  const { pulumiCommand, workDir, envVars } = workspace as unknown as Runnable;
  const file = join(workDir, `import-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(exported), { mode: 0o600 });
  try {
    await pulumiCommand.run(["stack", "import", "--file", file, "--stack", name], workDir, envVars);
  } catch (error) {
    if (!(error instanceof CommandError) || error instanceof ConcurrentUpdateError) throw error;
    const problems = problemsIn(error.message);
    throw new ClawError("stack.invalid", `nothing was imported into stack '${name}': ${problems.join("; ")}`, {
      issues: problems.map((message) => ({ path: "deployment", message })),
      cause: error,
    });
  } finally {
    await rm(file, { force: true });
  }
}

/** What the command printed as `error: …`: one line, or a numbered list that ends with advice for the CLI's users. */
function problemsIn(text: string): string[] {
  const [, printed = "the engine refused it"] = /\berror: ([\s\S]*?)(?=\n (?:stdout|stderr|err\?):|$)/.exec(text) ?? [];
  const listed = [...printed.matchAll(/^\s+(?:\d+\)|\*) (.*)$/gm)].map(([, line = ""]) => line);
  const problems = listed.filter((line) => !line.includes("rerun with --force"));
  return problems.length > 0 ? problems : [printed.split("\n", 1)[0] ?? ""];
}
