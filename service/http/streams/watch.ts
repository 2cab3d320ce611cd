import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { ClawError, type ClawInstance, type InstanceId } from "../../../sdk/contract/index.ts";
import type { Selection } from "../../application/ports/resources/page.ts";
import type { Outlet } from "./outlet.ts";

/** What changes within so long is told together. */
const BATCH_MS = 300;
/** What nobody tells of changes too: what a claw takes, and a replica that may not listen. */
const RESYNC_MS = 60_000;
const AGAIN_MS = 2_000;
const PAGE = 500;

type List = (selection: Selection) => Promise<{ readonly items: readonly ClawInstance[]; readonly nextCursor?: string }>;

/**
 * Tells of all instances that a list has, then of each that is another than was told, and of those that it has no more.
 * @param onChange calls back with the instance that has changed; with nothing when it may be any
 * @throws {ClawError} when the list can't be read to begin with
 */
export async function serveWatch(
  outlet: Outlet,
  list: List,
  selectors: Pick<Selection, "labelSelector" | "fieldSelector">,
  onChange: (listener: (id: InstanceId | undefined) => void) => () => void,
): Promise<void> {
  /** The digest of what was told of each: who has 10,000 of them keeps no copy of each. */
  const told = new Map<string, string>();
  let due = new Set<string>();
  let isAllDue = true;
  let wake = () => {};
  let isOpen = true;
  const end = onChange((id) => {
    if (id === undefined) {
      isAllDue = true;
    } else {
      due.add(id);
    }
    wake();
  });
  const resync = setInterval(() => {
    isAllDue = true;
    wake();
  }, RESYNC_MS);
  outlet.onClose(() => {
    isOpen = false;
    clearInterval(resync);
    end();
    wake();
  });
  const tell = async (items: readonly ClawInstance[]) => {
    const news = items.filter((item) => {
      const digest = createHash("sha1").update(JSON.stringify(item)).digest("base64");
      const isNews = told.get(item.metadata.uid) !== digest;
      told.set(item.metadata.uid, digest);
      return isNews;
    });
    if (news.length > 0) {
      await outlet.send({ type: "instances", items: news });
    }
  };
  const tellGone = async (uids: readonly string[]) => {
    const gone = uids.filter((uid) => told.delete(uid));
    if (gone.length > 0) {
      await outlet.send({ type: "gone", uids: gone });
    }
  };
  const lookAtAll = async () => {
    const missing = new Set(told.keys());
    let cursor: string | undefined;
    do {
      const page = await list({ ...selectors, limit: PAGE, sort: "metadata.name", ...(cursor !== undefined && { cursor }) });
      for (const { metadata } of page.items) {
        missing.delete(metadata.uid);
      }
      await tell(page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined && isOpen);
    if (isOpen) {
      await tellGone([...missing]);
    }
  };
  const lookAt = async (uids: readonly string[]) => {
    for (let rest = uids; rest.length > 0 && isOpen; rest = rest.slice(PAGE)) {
      const some = rest.slice(0, PAGE);
      const found: ClawInstance[] = [];
      let cursor: string | undefined;
      do {
        const page = await list({ ...selectors, uids: some, limit: PAGE, ...(cursor !== undefined && { cursor }) });
        found.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      await tell(found);
      const there = new Set(found.map(({ metadata }) => metadata.uid));
      await tellGone(some.filter((uid) => !there.has(uid)));
    }
  };
  isAllDue = false;
  await lookAtAll();
  await outlet.send({ type: "synced" });
  const follow = async () => {
    for (;;) {
      if (isOpen && !isAllDue && due.size === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      await pause(BATCH_MS);
      if (!isOpen) {
        return;
      }
      const [uids, isAll] = [[...due], isAllDue];
      due = new Set();
      isAllDue = false;
      try {
        await (isAll ? lookAtAll() : lookAt(uids));
      } catch (error) {
        if (error instanceof ClawError && error.status < 500) {
          throw error;
        }
        // What could not be asked is asked again.
        isAllDue = true;
        await pause(AGAIN_MS);
      }
    }
  };
  void follow().catch((error: unknown) => outlet.fail(error));
}
