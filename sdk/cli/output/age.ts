/** How long ago, or how long, in at most two units: `5s`, `3m12s`, `2d4h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first === -1) {
    return "0s";
  }
  let rest = seconds;
  let text = "";
  for (const [unit, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    text += count > 0 ? `${count}${unit}` : "";
  }
  return text;
}

/** How long ago a time was. */
export function formatAge(time: string, now: number = Date.now()): string {
  return formatDuration(now - Date.parse(time));
}
