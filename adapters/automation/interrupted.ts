import type { StackExport } from "../../sdk/contract/index.ts";
import { ClawError } from "../../sdk/contract/index.ts";
import type { TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import type { Deployment, PendingOperation, ResourceState } from "../engine/contract/checkpoint.ts";
import { edgesOf } from "../engine/contract/edges.ts";
import { type StackLease, StackLockedError } from "../engine/contract/store.ts";
import { type PropertyMap, type PropertyValue, SIGNATURE_KEY } from "../engine/contract/values.ts";
import { openStack, type StackAccess, withStackLease } from "./open-stack.ts";
import { engineOf } from "./stack-engine.ts";
import { exportSealed, importInto } from "./state-file.ts";

/**
 * Finds out what an operation that died has done, before anything else is done with the stack. Whoever comes next may have another wish,
 * whose program and targets name nothing of what was under way: so the state names it. What may exist is taken into the state as if it did,
 * then read; what can't be read now stays marked as unfinished, and the next operation on it updates or deletes it whatever it looks like.
 * On both engines by their own commands.
 * @param held the stack's lease, where the caller has it @throws {ClawError} `stack.locked`
 */
export async function settleInterrupted(stack: TenantStack, access: StackAccess, held?: StackLease): Promise<void> {
  const store = access.storeOf(stack);
  const ref = { project: access.projectName, stack: stack.stack };
  const engine = await engineOf(store, ref);
  const open = async (lease?: StackLease) =>
    (await openStack(stack, async () => {}, access, lease && engine && (await access.engineFor(stack, engine, lease)))).stack;
  const isInterrupted = async () =>
    engine === "embedded" ? (await store.loadPending(ref)).length > 0 : pendingOf(await exportSealed(await open())).length > 0;
  if (engine === undefined || !(await isInterrupted())) {
    return;
  }
  await withStackLease(stack, access, held, async (lease, signal) => {
    const opened = await open(lease);
    // Only with the lease is it sure that nobody is at it still.
    const exported = await exportSealed(opened);
    const interrupted = pendingOf(exported);
    if (interrupted.length === 0) {
      return;
    }
    const { resources, doubtful, unknown } = takeIn(exported.deployment as unknown as Deployment, access.idOf);
    for (const urn of unknown) {
      access.log(`nobody can say whether '${urn}' was made before its operation died: its id is known only afterwards`);
    }
    const { pending_operations: _settled, ...deployment } = exported.deployment;
    await importInto(opened, { ...exported, deployment: { ...deployment, resources } } as unknown as StackExport);
    if (doubtful.length > 0) {
      await opened.refresh({ target: doubtful, signal, color: "never" }).catch((error: Error) => {
        access.log(`what an interrupted operation left on stack '${stack.stack}' can't be read now: ${error.message}`);
      });
    }
  }).catch((error: unknown) => {
    throw error instanceof StackLockedError
      ? new ClawError("stack.locked", `another operation is running on stack '${stack.stack}'; try again soon`)
      : error;
  });
}

function pendingOf({ deployment }: StackExport): readonly PendingOperation[] {
  return (deployment as unknown as Deployment).pending_operations ?? [];
}

/** The states with what the interrupted operations may have left. @returns the URNs that are to be read, and those of which nothing can be known */
function takeIn({ resources: known = [], pending_operations: pending = [] }: Deployment, idOf: StackAccess["idOf"]) {
  let resources = known;
  const doubtful = new Set<string>();
  const unknown: string[] = [];
  for (const { type, resource } of pending) {
    const unfinished = { initErrors: [`its operation died while ${type} it`] };
    const { urn, inputs = {} } = resource;
    if (type === "creating") {
      const id = idOf(resource.type, inputs);
      if (id === undefined) {
        unknown.push(urn);
      } else {
        doubtful.add(urn);
        resources = withCreated(resources, { ...resource, id, outputs: inputs, ...unfinished });
      }
    } else if (type === "updating" || type === "deleting") {
      doubtful.add(urn);
      resources = resources.map((state) =>
        state.urn === urn && (type === "updating" ? !state.delete : state.id === resource.id)
          ? { ...state, ...unfinished, ...(type === "updating" && { inputs: eitherOf(state.inputs ?? {}, inputs) }) }
          : state,
      );
    }
  }
  return { resources, doubtful: [...doubtful], unknown };
}

/**
 * A replacement's new half takes the old one's place: what was replaced is to be deleted, or was deleted before. What depends on it comes after it then, as the
 * order of states has to be, and it after what it depends on.
 */
function withCreated(resources: readonly ResourceState[], created: ResourceState): ResourceState[] {
  const isOld = (state: ResourceState) => state.urn === created.urn && !state.delete;
  const deletedBefore = resources.findIndex((state) => isOld(state) && state.pendingReplacement);
  if (deletedBefore >= 0) {
    return resources.with(deletedBefore, created);
  }
  const isThere = resources.some(isOld);
  return inOrder(
    isThere ? resources.flatMap((state) => (isOld(state) ? [created, { ...state, delete: true }] : [state])) : [...resources, created],
  );
}

/** The states in their order, but for those that something before them depends on: they come before that. */
function inOrder(resources: readonly ResourceState[]): ResourceState[] {
  const current = new Map(resources.filter((state) => !state.delete).map((state) => [state.urn, state]));
  const ordered = new Set<ResourceState>();
  const visiting = new Set<ResourceState>();
  const place = (state: ResourceState) => {
    if (ordered.has(state) || visiting.has(state)) {
      return;
    }
    visiting.add(state);
    for (const { urn } of edgesOf(state)) {
      const needed = current.get(urn);
      if (needed) {
        place(needed);
      }
    }
    ordered.add(state);
  };
  for (const state of resources) {
    place(state);
  }
  return [...ordered];
}

/** A half-done update may have left what either of both declares: the entries of maps, such as files, go by name. */
function eitherOf(old: PropertyMap, now: PropertyMap): PropertyMap {
  const entries = Object.entries(now).map(([key, value]) => {
    const before = old[key];
    return [key, isPlainMap(before) && isPlainMap(value) ? { ...before, ...value } : value] as const;
  });
  return { ...old, ...Object.fromEntries(entries) };
}

function isPlainMap(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(SIGNATURE_KEY in value);
}
