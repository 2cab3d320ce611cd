import { useEffect, useState } from "react";

/** Shorter than a pause in which somebody looks up, longer than one between two keys. */
const SETTLED_MS = 400;

/** A value once it has stayed the same for a moment: what somebody types is asked about when they pause. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
