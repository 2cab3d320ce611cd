import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, it } from "vitest";
import { LeaseLostError, StackLockedError } from "../../../adapters/engine/contract/store.ts";
import { FolderStackStore } from "../../../adapters/folder-store/folder-stack-store.ts";
import { aHistoryEntry, aStackIn, aState, itKeepsStacks, names, put, urn } from "../../support/engine/stack-store-contract.ts";
import type { FolderJob } from "../../support/folder-store/folder-worker.ts";

const root = mkdtempSync(join(tmpdir(), "claw-state-"));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) {
    child.kill("SIGKILL");
  }
  rmSync(root, { recursive: true, force: true });
});

let folders = 0;
const aFolder = () => join(root, `state-${++folders}`);
const shared = { project: "store", stack: "shared" };

/** Another process at work in the folder. */
function aProcess(folder: string, name: string, job: FolderJob, count = 0) {
  const script = join(import.meta.dirname, "../../support/folder-store/folder-worker.ts");
  const child = spawn(process.execPath, [script, folder, name, job, String(count)], { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  const said: string[] = [];
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => said.push(line));
  const ended = once(child, "close").then(() => running.delete(child));
  return { child, said, ended, next: async () => String((await once(lines, "line"))[0]) };
}

describe("FolderStackStore", () => {
  itKeepsStacks(() => new FolderStackStore(join(root, "state")));

  it("loses no change that a process was told is kept, however many write and whenever they are killed", async ({ expect }) => {
    const folder = aFolder();
    const store = new FolderStackStore(folder);
    await store.createStack(shared);
    const processes = ["a", "b", "c", "d"].map((name) => aProcess(folder, name, "write", 25));
    const [first, second] = processes;
    await first?.next();
    await second?.next();
    first?.child.kill("SIGKILL");
    second?.child.kill("SIGKILL");
    await Promise.all(processes.map(({ ended }) => ended));

    const kept = (await store.listHistory(shared)).map(({ message }) => message);
    expect(new Set(kept).size).toBe(kept.length);
    const told = processes.flatMap(({ said }) => said);
    expect(kept).toEqual(expect.arrayContaining(told.filter((line) => !line.startsWith("put "))));
    const { resources } = await new FolderStackStore(folder).loadResources(shared);
    expect(names(resources)).toEqual(expect.arrayContaining(told.filter((line) => line.startsWith("put ")).map((line) => line.slice(4))));
    expect(processes[2]?.said).toContain("c-24");
    // Versions count in the order of the log, without a gap, in whichever process an entry was written.
    expect((await store.listHistory(shared)).map(({ version }) => version)).toEqual(kept.map((_message, index) => kept.length - index));
  });

  it("gives the lease of a process that was killed to the next one at once, and that of one that runs to nobody", async ({ expect }) => {
    const folder = aFolder();
    const store = new FolderStackStore(folder);
    await store.createStack(shared);
    const holder = aProcess(folder, "other", "hold");
    await holder.next();
    await expect(store.acquireLease(shared, "me", 30)).rejects.toThrow(new StackLockedError(shared, "other"));
    holder.child.kill("SIGKILL");
    await holder.ended;
    expect(await store.acquireLease(shared, "me", 30)).toMatchObject({ formerHolder: "other" });
  });

  it("writes nothing for a process that was asleep while its lease was taken away", async ({ expect }) => {
    const folder = aFolder();
    const store = new FolderStackStore(folder);
    await store.createStack(shared);
    const holder = aProcess(folder, "other", "hold");
    await holder.next();
    holder.child.kill("SIGSTOP");
    await store.breakLease(shared);
    const lease = await store.acquireLease(shared, "me", 30);
    await store.commit(lease, [put("mine", 1)]);
    await store.releaseLease(lease);
    holder.child.kill("SIGCONT");
    holder.child.stdin.write("\n");
    expect(await holder.next()).toBe(LeaseLostError.name);
    expect(names((await store.loadResources(shared)).resources)).toEqual(["mine"]);
  });

  it("keeps a stack at rest in one file, with its states in Pulumi's form", async ({ expect }) => {
    const folder = aFolder();
    const { store, ref, lease } = await aStackIn(new FolderStackStore(folder));
    await store.commit(lease, [put("a", 1), put("b", 2, { dependencies: [urn("a")] })]);
    await store.releaseLease(lease);
    const stack = join(folder, ref.project, ref.stack);
    const [generation = "", ...others] = readdirSync(stack);
    expect(others).toEqual([]);
    expect(readdirSync(join(stack, generation))).toEqual(["state.json"]);
    expect(JSON.parse(await readFile(join(stack, generation, "state.json"), "utf8"))).toMatchObject({
      format: 1,
      deployment: { resources: [aState("a"), aState("b", { dependencies: [urn("a")] })] },
    });
  });

  it("folds a log that has grown while the lease is held", async ({ expect }) => {
    const folder = aFolder();
    const { store, ref, lease } = await aStackIn(new FolderStackStore(folder));
    for (let index = 0; index < 240; index++) {
      await store.commit(lease, [put("a", 1, { inputs: { index } })]);
    }
    const [generation = ""] = readdirSync(join(folder, ref.project, ref.stack));
    expect(readdirSync(join(folder, ref.project, ref.stack, generation)).length).toBeLessThan(200);
    const { resources } = await new FolderStackStore(folder).loadResources(ref);
    expect(resources.map(({ state }) => state.inputs)).toEqual([{ index: 239 }]);
  });

  it("goes on where a process died between the end of a generation and the next one", async ({ expect }) => {
    const folder = aFolder();
    const { store, ref, lease } = await aStackIn(new FolderStackStore(folder));
    await store.commit(lease, [put("a", 1)]);
    const stack = join(folder, ref.project, ref.stack);
    const [generation = ""] = readdirSync(stack);
    const entries = readdirSync(join(stack, generation)).filter((name) => /^\d/.test(name));
    writeFileSync(join(stack, generation, `${entries.length + 1}.json`), JSON.stringify({ kind: "sealed" }));
    writeFileSync(join(stack, generation, ".half-written"), '{"kind":"jour');
    await store.commit(lease, [put("b", 2)]);
    await store.releaseLease(lease);
    expect(names((await new FolderStackStore(folder).loadResources(ref)).resources)).toEqual(["a", "b"]);
    expect(readdirSync(stack)).toHaveLength(1);
  });

  it("says which file it can't read, and reads no later format as its own", async ({ expect }) => {
    const folder = aFolder();
    const { store, ref, lease } = await aStackIn(new FolderStackStore(folder));
    await store.releaseLease(lease);
    const stack = join(folder, ref.project, ref.stack);
    const file = join(stack, readdirSync(stack)[0] ?? "", "state.json");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace('"format":1', '"format":2'));
    await expect(new FolderStackStore(folder).findStack(ref)).rejects.toThrow(/format 2.*this version reads 1/);
    await writeFile(file, text.slice(0, -10));
    await expect(new FolderStackStore(folder).findStack(ref)).rejects.toThrow(`'${file}' is damaged`);
  });

  it("keeps names apart from paths", async ({ expect }) => {
    const folder = aFolder();
    const store = new FolderStackStore(folder);
    const odd = [
      { project: "../out", stack: ".." },
      { project: "a/b", stack: ".hidden" },
      { project: "ä b", stack: "UPPER" },
    ];
    for (const ref of odd) {
      await store.createStack(ref);
      await store.appendHistory(ref, aHistoryEntry(ref.stack));
    }
    const listed = (await new FolderStackStore(folder).listStacks()).map(({ ref }) => ref);
    expect(listed).toEqual(expect.arrayContaining(odd));
    expect(listed).toHaveLength(odd.length);
    expect(readdirSync(root)).not.toContain("out");
  });
});
