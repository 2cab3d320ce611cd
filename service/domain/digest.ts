import { createHash } from "node:crypto";

/** SHA-256 (hex) of a value's canonical JSON: keys sorted, undefined left out. */
export function digestOf(value: unknown): string {
  return measuredDigestOf(value).digest;
}

/** The same, and how long that JSON is: about what the value takes in memory. */
export function measuredDigestOf(value: unknown): { readonly digest: string; readonly characters: number } {
  const text = canonicalJson(value);
  return { digest: createHash("sha256").update(text).digest("hex"), characters: text.length };
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
