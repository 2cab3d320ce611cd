import { useSyncExternalStore } from "react";

/** Tailwind's `md`: narrower than that, tables are lists. */
const query = matchMedia("(max-width: 47.99rem)");

export function useIsPhone(): boolean {
  return useSyncExternalStore(
    (listener) => {
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => query.matches,
  );
}
