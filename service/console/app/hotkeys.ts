import { useEffect, useRef } from "react";

/** Keys by what they do: `?`, `/`, `mod+k`, and sequences such as `g i`. */
export type Hotkeys = Readonly<Record<string, () => void>>;

/** Between two keys of a sequence. */
const SEQUENCE_MS = 900;

/** A key as the table has it. */
export function nameOf({ key, metaKey, ctrlKey, altKey }: Pick<KeyboardEvent, "key" | "metaKey" | "ctrlKey" | "altKey">): string {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return metaKey || ctrlKey ? `mod+${name}` : altKey ? `alt+${name}` : name;
}

/** Listens on the whole page. While somebody types, keys are theirs: but for those with Ctrl or ⌘. */
export function useHotkeys(hotkeys: Hotkeys): void {
  const latest = useRef(hotkeys);
  useEffect(() => {
    latest.current = hotkeys;
  });
  useEffect(() => {
    let before = "";
    let beforeMs = 0;
    const onKey = (event: KeyboardEvent) => {
      const name = nameOf(event);
      const isTyping =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable], .xterm") !== null;
      if (event.defaultPrevented || (isTyping && !name.startsWith("mod+")) || document.querySelector("dialog[open]")) {
        return;
      }
      const sequence = event.timeStamp - beforeMs < SEQUENCE_MS ? `${before} ${name}` : name;
      const act = latest.current[sequence] ?? latest.current[name];
      before = name;
      beforeMs = event.timeStamp;
      if (act) {
        event.preventDefault();
        before = "";
        act();
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
