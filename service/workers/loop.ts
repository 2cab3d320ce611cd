import type { Logger } from "pino";

/** A level-triggered worker: runs again when woken, and after `idleMs` in any case, so that a lost wake-up costs time only. */
export interface Loop {
  wake(): void;
  /** Lets the current turn end. */
  stop(): Promise<void>;
}

/** @param turn one turn of work; answers true when there is more to do at once. It does not throw for failures of single items. */
export function startLoop(name: string, idleMs: number, turn: () => Promise<boolean>, log: Logger): Loop {
  let stopped = false;
  let woken = false;
  let endWait: () => void = () => {};
  const wait = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, idleMs);
      endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async () => {
    while (!stopped) {
      woken = false;
      let more = false;
      try {
        more = await turn();
      } catch (err) {
        log.error({ err, worker: name }, "a turn failed; the next one tries again");
      }
      if (!more && !woken && !stopped) {
        await wait();
      }
    }
  };
  const running = run();
  return {
    wake() {
      woken = true;
      endWait();
    },
    async stop() {
      stopped = true;
      endWait();
      await running;
    },
  };
}
