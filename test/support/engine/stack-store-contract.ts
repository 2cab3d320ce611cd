import { randomUUID } from "node:crypto";
import { it } from "vitest";
import type { ResourceState } from "../../../adapters/engine/contract/checkpoint.ts";
import {
  type HistoryEntry,
  LeaseLostError,
  StackExistsError,
  StackLockedError,
  StackMissingError,
  type StackRef,
  type StackStore,
  type StoredResource,
} from "../../../adapters/engine/contract/store.ts";

/** A new stack, and the lease on it. */
export async function aStackIn(store: StackStore) {
  const ref: StackRef = { project: "store", stack: `s${randomUUID().slice(0, 8)}` };
  await store.createStack(ref);
  return { store, ref, lease: await store.acquireLease(ref, "worker-1", 30) };
}
export const urn = (name: string) => `urn:pulumi:s::store::testing:index:Thing::${name}`;
export function aState(name: string, more: Partial<ResourceState> = {}): ResourceState {
  return { urn: urn(name), type: "testing:index:Thing", custom: true, id: `id-${name}`, ...more };
}
export function put(name: string, order: number, more: Partial<ResourceState> = {}) {
  return { kind: "put", key: name, order, state: aState(name, more) } as const;
}
export function aHistoryEntry(message: string): Omit<HistoryEntry, "version"> {
  return {
    kind: "update",
    startTime: "2026-01-01T00:00:00Z",
    endTime: "2026-01-01T00:00:01Z",
    message,
    environment: {},
    config: {},
    result: "succeeded",
    resourceChanges: { create: 1 },
  };
}
export const names = (resources: readonly StoredResource[]) => resources.map((resource) => resource.key);

/** What the engine relies on, whatever the stacks are kept in. */
export function itKeepsStacks(aStore: () => StackStore): void {
  const aStack = (store = aStore()) => aStackIn(store);

  it("keeps states in order and returns them as they were written", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    const odd = { text: "nul \u0000 lone \ud800 quote '", z: 1, a: [null, 1e21, { n: -1 }] };
    await store.commit(lease, [put("second", 2, { inputs: odd }), put("first", 1)]);
    const { resources } = await store.loadResources(ref);
    expect(resources).toEqual([
      { key: "first", order: 1, state: aState("first") },
      { key: "second", order: 2, state: aState("second", { inputs: odd }) },
    ]);
  });

  it("counts the serial up with every commit", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    const first = await store.commit(lease, [put("a", 1)]);
    const second = await store.commit(lease, [{ kind: "remove", key: "a" }]);
    expect(second).toBe(first + 1);
    expect(await store.findStack(ref)).toMatchObject({ serial: second });
  });

  it("applies entries of one commit in order", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    await store.commit(lease, [put("a", 1), { kind: "remove", key: "a" }, put("b", 2), put("b", 3, { protect: true })]);
    await store.commit(lease, [{ kind: "remove", key: "b" }, put("b", 4)]);
    expect((await store.loadResources(ref)).resources).toEqual([{ key: "b", order: 4, state: aState("b") }]);
  });

  it("remembers a begun operation until it ended", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    const operation = { type: "creating", resource: aState("a") } as const;
    await store.commit(lease, [
      { kind: "begin", operationId: "1", operation },
      { kind: "begin", operationId: "2", operation },
    ]);
    await store.commit(lease, [{ kind: "end", operationId: "1" }, put("a", 1)]);
    await store.commit(lease, [{ kind: "end", operationId: "2", keepPending: true }]);
    expect(await store.loadPending(ref)).toEqual([{ operationId: "2", operation }]);
    await store.commit(lease, [{ kind: "clearPending", operationIds: ["2"] }]);
    expect(await store.loadPending(ref)).toEqual([]);
  });

  it("loads the given URNs with everything they depend on and nothing else", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    await store.commit(lease, [
      put("root", 1),
      put("provider", 2, { parent: urn("root") }),
      put("base", 3, { provider: `${urn("provider")}::some-id` }),
      put("beside", 4, { parent: urn("root") }),
      put("middle", 5, { propertyDependencies: { x: [urn("base")] } }),
      put("top", 6, { dependencies: [urn("middle")] }),
      put("above", 7, { dependencies: [urn("top")] }),
    ]);
    const { resources } = await store.loadResources(ref, [urn("top")]);
    expect(names(resources)).toEqual(["root", "provider", "base", "middle", "top"]);
  });

  it("finds direct dependents through every kind of edge, and forgets edges that went away", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    await store.commit(lease, [
      put("base", 1),
      put("child", 2, { parent: urn("base") }),
      put("dependent", 3, { dependencies: [urn("base")] }),
      put("property", 4, { propertyDependencies: { x: [urn("base")] } }),
      put("with", 5, { deletedWith: urn("base") }),
      put("replaced", 6, { replaceWith: [urn("base")] }),
      put("provided", 7, { provider: `${urn("base")}::id` }),
      put("other", 8, { dependencies: [urn("child")] }),
    ]);
    expect(names(await store.findDependents(ref, [urn("base")]))).toEqual([
      "child",
      "dependent",
      "property",
      "with",
      "replaced",
      "provided",
    ]);
    await store.commit(lease, [put("child", 2), { kind: "remove", key: "dependent" }]);
    expect(names(await store.findDependents(ref, [urn("base")]))).toEqual(["property", "with", "replaced", "provided"]);
  });

  it("writes nothing for a holder that lost its lease", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    await store.breakLease(ref);
    await expect(store.commit(lease, [put("a", 1)])).rejects.toBeInstanceOf(LeaseLostError);
    await expect(store.replaceDeployment(lease, [], [])).rejects.toBeInstanceOf(LeaseLostError);
    await expect(store.renewLease(lease, 30)).rejects.toBeInstanceOf(LeaseLostError);
    await expect(store.removeStack(lease)).rejects.toBeInstanceOf(LeaseLostError);
    expect((await store.loadResources(ref)).resources).toEqual([]);
  });

  it("gives a lease to one holder at a time, and an expired one to the next with a higher token", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    await expect(store.acquireLease(ref, "worker-2", 30)).rejects.toBeInstanceOf(StackLockedError);
    await store.releaseLease(lease);
    const short = await store.acquireLease(ref, "worker-2", 0);
    const next = await store.acquireLease(ref, "worker-3", 30);
    expect(next.fencingToken).toBeGreaterThan(short.fencingToken);
    await expect(store.commit(short, [put("a", 1)])).rejects.toBeInstanceOf(LeaseLostError);
  });

  it("tells the holder at its next renewal that it was asked to stop", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    expect(await store.renewLease(lease, 30)).toEqual({ cancelRequested: false });
    expect(await store.requestCancel(ref)).toBe("worker-1");
    expect(await store.renewLease(lease, 30)).toEqual({ cancelRequested: true });
    await store.releaseLease(lease);
    expect(await store.requestCancel(ref)).toBeUndefined();
  });

  it("does not accept a lease of a removed stack for a new one of the same name", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    await store.removeStack(lease);
    expect(await store.findStack(ref)).toBeUndefined();
    await store.createStack(ref);
    await expect(store.commit(lease, [put("a", 1)])).rejects.toBeInstanceOf(LeaseLostError);
  });

  it("renames a stack with its checkpoint and refuses a taken name", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    const other = await aStack(store);
    await store.commit(lease, [put("a", 1)]);
    await expect(store.renameStack(lease, other.ref, { resources: [], pending: [] })).rejects.toBeInstanceOf(StackExistsError);
    const to = { ...ref, stack: `${ref.stack}-renamed` };
    const renamed = await store.renameStack(lease, to, {
      resources: [{ key: "b", order: 1, state: aState("b") }],
      pending: [],
    });
    await store.commit(renamed, [put("c", 2)]);
    expect(names((await store.loadResources(to)).resources)).toEqual(["b", "c"]);
    await expect(store.loadResources(ref)).rejects.toBeInstanceOf(StackMissingError);
  });

  it("lists history newest first, by pages", async ({ expect }) => {
    const { store, ref } = await aStack();
    for (const message of ["one", "two", "three"]) {
      await store.appendHistory(ref, aHistoryEntry(message));
    }
    expect((await store.listHistory(ref)).map((entry) => entry.message)).toEqual(["three", "two", "one"]);
    expect((await store.listHistory(ref, 2, 2)).map((entry) => entry.message)).toEqual(["one"]);
  });

  it("keeps config, tags and secrets provider of a stack, and lists it with what it holds", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    const config = { "store:key": { value: "v", secure: false } };
    await store.setConfig(ref, config);
    await store.setTags(ref, { team: "a" });
    await store.setSecretsProvider(lease, { type: "passphrase", state: { salt: "v1:x" } });
    await store.commit(lease, [put("a", 1)]);
    expect(await store.findStack(ref)).toMatchObject({ config, tags: { team: "a" }, secretsProvider: { type: "passphrase" } });
    const listed = async () => (await store.listStacks("store")).find((summary) => summary.ref.stack === ref.stack);
    expect(await listed()).toMatchObject({ ref, resourceCount: 1, updateInProgress: true });
    await store.releaseLease(lease);
    expect(await listed()).toMatchObject({ updateInProgress: false });
    await expect(store.setConfig({ ...ref, stack: "none" }, config)).rejects.toBeInstanceOf(StackMissingError);
    await expect(store.createStack(ref)).rejects.toBeInstanceOf(StackExistsError);
  });

  it("takes the place of everything when a deployment is replaced", async ({ expect }) => {
    const { store, ref, lease } = await aStack();
    const operation = { type: "creating", resource: aState("begun") } as const;
    await store.commit(lease, [put("a", 1), { kind: "begin", operationId: "1", operation }]);
    await store.replaceDeployment(lease, [{ key: "b", order: 1, state: aState("b", { parent: urn("root") }) }], [operation]);
    expect(names((await store.loadResources(ref)).resources)).toEqual(["b"]);
    expect(names(await store.findDependents(ref, [urn("root")]))).toEqual(["b"]);
    expect((await store.loadPending(ref)).map((pending) => pending.operation)).toEqual([operation]);
  });

  it("forgets that it was asked to stop with the lease that was", async ({ expect }) => {
    const { store, ref } = await aStack();
    await store.breakLease(ref);
    const short = await store.acquireLease(ref, "worker-2", 30);
    await store.requestCancel(ref);
    await store.renewLease(short, 0);
    const next = await store.acquireLease(ref, "worker-3", 30);
    expect(next.formerHolder).toBe("worker-2");
    expect(await store.renewLease(next, 30)).toEqual({ cancelRequested: false });
  });
}
