import { z } from "zod";
import { issueOf } from "./bounds.ts";

const NAME = /[^\s."[\]]+/.source;
const QUOTED = /\["(?:[^"\\]|\\.)+"\]/.source;
const KEY = new RegExp(`^(?:${NAME}|${QUOTED})(?:\\.${NAME}|${QUOTED})*$`);
const PLAIN_NAME = new RegExp(`^${NAME}$`);
const SEGMENT = new RegExp(`\\.?(${NAME})|\\[("(?:[^"\\\\]|\\\\.)+")\\]`, "g");

/** The names that lead to a value of a config: `models["openai/gpt-5.1"].alias` → models, openai/gpt-5.1, alias. What is no key is taken apart at its dots. */
export function parseConfigKey(key: string): string[] {
  // Most are this simple, and there are very many.
  if (!key.includes("[") || !KEY.test(key)) {
    return key.split(".");
  }
  try {
    return [...key.matchAll(SEGMENT)].map(([, name, quoted]) => name ?? String(JSON.parse(quoted ?? '""')));
  } catch {
    // An escape that JSON has not.
    return key.split(".");
  }
}

/** The one spelling of a path as a key: names that have dots, brackets, quotes or spaces are quoted in brackets. @param above the key that the path begins at */
export function formatConfigKey(path: readonly string[], above = ""): string {
  return path.reduce(
    (key, name) => (PLAIN_NAME.test(name) ? (key === "" ? name : `${key}.${name}`) : `${key}[${JSON.stringify(name)}]`),
    above,
  );
}

/** Whether a key is another, or beneath it. */
export function isKeyWithin(key: string, whole: string): boolean {
  const path = parseConfigKey(key);
  return parseConfigKey(whole).every((name, index) => path[index] === name);
}

/** A key that is not spelled as {@link formatConfigKey} does it would be a second name for one value. */
export function checkConfigKey({ value, issues }: { readonly value: string; readonly issues: z.core.$ZodRawIssue[] }): void {
  const spelling = formatConfigKey(parseConfigKey(value));
  if (KEY.test(value) && spelling !== value) {
    issues.push(issueOf(value, { message: `'${value}' is not the key's spelling`, fix: `write ${spelling}` }));
  }
}

/** A key of a unified config: the names that lead to a value, with dots between them. A name that has dots itself is quoted: `agents.defaults.models["openai/gpt-5.1"].alias`. */
export const ConfigKeySchema = z
  .string()
  .max(512)
  .regex(KEY, `not a key such as 'model.name'; a name with dots is quoted: agents.defaults.models["openai/gpt-5.1"].alias`)
  .check(checkConfigKey);
