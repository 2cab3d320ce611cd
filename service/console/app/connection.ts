import { useSyncExternalStore } from "react";

/** Whether the control plane answers, as far as was asked. */
interface Connection {
  readonly isSilent: boolean;
  /** When it answered last. */
  readonly answeredAtMs: number;
}

let connection: Connection = { isSilent: false, answeredAtMs: Date.now() };
const listeners = new Set<() => void>();

function set(next: Connection): void {
  const isNews = next.isSilent !== connection.isSilent;
  connection = next;
  if (isNews) {
    for (const listener of listeners) {
      listener();
    }
  }
}

export function noteAnswer(): void {
  set({ isSilent: false, answeredAtMs: Date.now() });
}

export function noteSilence(): void {
  set({ ...connection, isSilent: true });
}

/** A stream has broken off: until then it was heard. */
export function noteBreak(): void {
  set(connection.isSilent ? connection : { isSilent: true, answeredAtMs: Date.now() });
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => connection,
  );
}
