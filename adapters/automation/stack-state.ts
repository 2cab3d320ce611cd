import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { ClawError, type StackEngine, type StackExport, type StackUpdate } from "../../sdk/contract/index.ts";
import type { HeldResource, StackAdministration, TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import type { StackRef } from "../engine/contract/store.ts";
import { parseUrn } from "../engine/contract/urn.ts";
import { settleInterrupted } from "./interrupted.ts";
import { openStack, type StackAccess, withStackLease } from "./open-stack.ts";
import { ENGINE_TAG, engineOf, noStack } from "./stack-engine.ts";
import { exportSealed, importFile, importInto, readExport, writeExport } from "./state-file.ts";

/** Of an operation's message in a history: a page of 500 stays well below a mebibyte. */
const MESSAGE_CHARACTERS_MAX = 512;

/** What needs an engine, and so runs in a worker. */
export type StateJobs = Pick<StackAdministration, "exportState" | "listHeld" | "importState" | "forget" | "history" | "migrate"> & {
  /** Removes the lock that a killed CLI left. */
  releaseLock(stack: TenantStack): Promise<void>;
};

export interface StateAccess extends StackAccess {
  /** What Pulumi keeps of a new passphrase, as whoever has the passphrase can open it. */
  readonly createPassphrase: (passphrase: string) => Promise<{ readonly salt: string }>;
}

/** The states of tenants' stacks, through the Automation API. */
export function createStateJobs(access: StateAccess): StateJobs {
  const refOf = ({ stack }: TenantStack): StackRef => ({ project: access.projectName, stack });
  const engineOrThrow = async (stack: TenantStack): Promise<StackEngine> => {
    const engine = await engineOf(access.storeOf(stack), refOf(stack));
    if (engine) {
      return engine;
    }
    throw noStack(stack);
  };
  const open = async (stack: TenantStack, command?: PulumiCommand) => (await openStack(stack, noProgram, access, command)).stack;
  const settled = async (stack: TenantStack) => {
    await engineOrThrow(stack);
    // While an operation runs, what is under way is in the state as such.
    await settleInterrupted(stack, access).catch(ifLocked);
    return open(stack);
  };

  return {
    async exportState(stack, showSecrets, file) {
      const opened = await settled(stack);
      if (!showSecrets) {
        return writeExport(stack, await exportSealed(opened), file);
      }
      const exported = (await opened.exportStack()) as unknown as StackExport;
      // For whoever imports it: a CLI takes no plaintext without a provider, and nobody else has the tenant's passphrase.
      const { salt } = await access.createPassphrase("");
      const deployment = { ...exported.deployment, secrets_providers: { type: "passphrase", state: { salt } } };
      return writeExport(stack, { ...exported, deployment }, file);
    },
    async listHeld(stack) {
      const { deployment } = await exportSealed(await settled(stack));
      const resources = (deployment.resources ?? []) as HeldResource[];
      return resources.map(({ type, id }) => ({ type, ...(id !== undefined && { id }) }));
    },
    async importState(stack, file) {
      const { deployment } = await readExport(file);
      await importFile(await open(stack), file);
      return { resources: deployment.resources?.length ?? 0 };
    },
    async forget(stack, instances) {
      const engine = await engineOf(access.storeOf(stack), refOf(stack));
      if (!engine) {
        return;
      }
      await withStackLease(stack, access, undefined, async (lease) => {
        const opened = await open(stack, await access.engineFor(stack, engine, lease));
        const held = await exportSealed(opened);
        const left = withoutInstances(held, new Set(instances));
        if (left !== held) {
          await importInto(opened, left);
        }
      });
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
        // Whoever ran the CLI by hand may have written any text.
        message: message.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed(),
        resourceChanges: resourceChanges as StackUpdate["resourceChanges"],
      }));
    },
    async migrate(stack, to) {
      const from = await engineOrThrow(stack);
      const store = access.storeOf(stack);
      return withStackLease(stack, access, undefined, async (lease) => {
        await settleInterrupted(stack, access, lease);
        const source = await exportSealed(await open(stack, await access.engineFor(stack, from, lease)));
        const resources = source.deployment.resources?.length ?? 0;
        if (from === to) {
          return { from, resources };
        }
        const target = await open(stack, await access.engineFor(stack, to, lease));
        await importInto(target, source);
        const arrived = await exportSealed(target);
        if (JSON.stringify(urnsOf(arrived)) !== JSON.stringify(urnsOf(source))) {
          throw new ClawError("engine.failed", `the state of stack '${stack.stack}' did not arrive whole; it stays with '${from}'`);
        }
        // From here on the other engine's copy is the stack; the one that stays behind is overwritten when it moves back.
        const tags = (await store.findStack(lease.ref))?.tags;
        await store.setTags(lease.ref, { ...tags, [ENGINE_TAG]: to });
        return { from, resources };
      });
    },
    async releaseLock(stack) {
      await (await open(stack)).cancel();
    },
  };
}

function ifLocked(error: unknown): void {
  if (!(error instanceof ClawError && error.code === "stack.locked")) {
    throw error;
  }
}

/** A state without instances and what is theirs, with what is under way of it; the same state when there is nothing of them. */
function withoutInstances(held: StackExport, instances: ReadonlySet<string>): StackExport {
  const { resources = [], pending_operations: pending = [] } = held.deployment;
  const isInstance = (urn: string) => {
    const { type, name } = parseUrn(urn);
    return INSTANCE_TYPE.test(type) && instances.has(name);
  };
  const gone = new Set<string>();
  const isGone = ({ urn, ["parent"]: parent }: Readonly<Record<string, unknown>> & { readonly urn: string }) =>
    isInstance(urn) || (typeof parent === "string" && (gone.has(parent) || isInstance(parent)));
  // Parents stand before their children.
  const left = resources.filter((resource) => {
    if (isGone(resource)) {
      gone.add(resource.urn);
    }
    return !gone.has(resource.urn);
  });
  const underWay = pending.filter(({ resource }) => !isGone(resource));
  return left.length === resources.length && underWay.length === pending.length
    ? held
    : { ...held, deployment: { ...held.deployment, resources: left, pending_operations: underWay } };
}

/** The component of an instance, of whichever runtime. */
const INSTANCE_TYPE = /^clusterclaw:\w+:ClawInstance$/;

async function noProgram(): Promise<void> {}

function urnsOf(exported: StackExport): string[] {
  return (exported.deployment.resources ?? []).map(({ urn }) => urn);
}
