import { CircleCheck, TriangleAlert } from "lucide-react";
import { useSyncExternalStore } from "react";
import { Icon } from "./icon.tsx";

interface Toast {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
}

const SHOWN_MS = { good: 4_000, bad: 9_000 };
let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) {
    listener();
  }
}

/** Says what was done, or that it was not, wherever one has gone meanwhile. */
export function tell(kind: Toast["kind"], text: string): void {
  const toast = { id: nextId++, kind, text };
  set([...toasts.slice(-2), toast]);
  setTimeout(() => set(toasts.filter(({ id }) => id !== toast.id)), SHOWN_MS[kind]);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-3 z-50 flex flex-col items-end gap-2 max-md:bottom-20"
    >
      {shown.map(({ id, kind, text }) => (
        <div
          key={id}
          className="appear pointer-events-auto flex max-w-sm items-center gap-2 rounded-md border border-line bg-raised px-3 py-2 text-sm shadow-lg"
        >
          <Icon of={kind === "good" ? CircleCheck : TriangleAlert} className={kind === "good" ? "text-good" : "text-bad"} />
          <span className="min-w-0 break-words">{text}</span>
        </div>
      ))}
    </div>
  );
}
