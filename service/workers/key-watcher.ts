import type { Logger } from "pino";
import { type DataKeyAge, type DataKeyDependencies, lookAtKeys } from "../application/secrets/data-keys.ts";
import { type Loop, startLoop } from "./loop.ts";

/** Keys change seldom, and nothing waits for this. */
const IDLE_MS = 10 * 60_000;

/** Looks now and then whether the keys can be opened still: only a start asks otherwise, and that would be late. */
export function startKeyWatcher({
  log,
  ...deps
}: DataKeyDependencies & { readonly log: Logger }): Loop & { seen(): DataKeyAge | undefined } {
  let seen: DataKeyAge | undefined;
  let isLost = false;
  const turn = async () => {
    try {
      seen = await lookAtKeys(deps);
      if (isLost) {
        log.info("the data keys can be opened again");
      }
      isLost = false;
    } catch (err) {
      if (!isLost) {
        log.error({ err }, "the data keys can't be opened now: requests go on, and a start would fail");
      }
      isLost = true;
    }
    return false;
  };
  return Object.assign(startLoop("key-watcher", IDLE_MS, turn, log), { seen: () => seen });
}
