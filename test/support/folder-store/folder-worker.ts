/** A process that writes stacks in a folder beside others: it says each change that it was told is kept. */
import { StackLockedError } from "../../../adapters/engine/contract/store.ts";
import { FolderStackStore } from "../../../adapters/folder-store/folder-stack-store.ts";
import { aHistoryEntry, put } from "../engine/stack-store-contract.ts";

/** What it does: writes as fast as it can, or holds the lease until it is told to write. */
export type FolderJob = "write" | "hold";

const [folder = "", name = "", job = "", count = "0"] = process.argv.slice(2);
const store = new FolderStackStore(folder);
const ref = { project: "store", stack: "shared" };
const say = (text: string) => process.stdout.write(`${text}\n`);

if (job === "hold") {
  const lease = await store.acquireLease(ref, name, 30);
  say("held");
  // Written on request: in the meantime this process may have been stopped.
  process.stdin.once("data", async () => {
    say(await store.commit(lease, [put(name, 1)]).then(String, (error: Error) => error.name));
    process.exit();
  });
} else {
  for (let index = 0; index < Number(count); index++) {
    const message = `${name}-${index}`;
    await store.appendHistory(ref, aHistoryEntry(message));
    say(message);
    // With each lease that is given back the log is folded, under the hands of the others.
    const lease = await store.acquireLease(ref, name, 30).catch((error: unknown) => {
      if (error instanceof StackLockedError) {
        return undefined;
      }
      throw error;
    });
    if (lease) {
      await store.commit(lease, [put(message, index)]);
      say(`put ${message}`);
      await store.releaseLease(lease);
    }
  }
}
