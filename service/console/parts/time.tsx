import { useSyncExternalStore } from "react";
import { useLanguage } from "../app/preferences.ts";
import { exact, relative } from "../app/times.ts";

/** One clock for all times of a page, so that they move together. */
const TICK_MS = 5_000;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) {
      each();
    }
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** What is ahead by less than this is of a clock that goes otherwise. */
const SKEW_MS = 60_000;

/** How long ago, or in how long, with the exact time at hand. */
export function Ago({ time }: { readonly time: string | number }) {
  const language = useLanguage();
  const known = useSyncExternalStore(subscribe, () => now);
  const at = typeof time === "number" ? time : Date.parse(time);
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at, language)} className="whitespace-nowrap">
      {relative(at, at - known > SKEW_MS ? known : Math.max(known, at), language)}
    </time>
  );
}
