import { isSecretRef } from "../../../sdk/contract/index.ts";

/** `${NAME}` in a text stands for the claw's environment variable of that name; `$${NAME}` is that text itself. */
const REFERENCE = /(?<!\$)\$\{([A-Z_][A-Z0-9_]*)\}/g;
const REFERENCE_OR_ESCAPED = /\$?\$\{([A-Z_][A-Z0-9_]*)\}/g;

const SOURCES: ReadonlySet<unknown> = new Set(["env", "file", "exec", "store"]);

/** The environment variables that a text refers to. */
export function referencesIn(text: string): string[] {
  return [...text.matchAll(REFERENCE)].map(([, name = ""]) => name);
}

/** A text with what its references stand for, and with what is escaped as it is meant. */
export function replaceReferences(text: string, meaning: (name: string) => string): string {
  return text.replaceAll(REFERENCE_OR_ESCAPED, (whole, name: string) => (whole.startsWith("$$") ? whole.slice(1) : meaning(name)));
}

/**
 * Whether a value only says where a secret is: references, perhaps after a word such as `Bearer`, or an object that names a source
 * (`{"source": "env", "id": "NAME"}`), or one that names a secret (`{"secretRef": "openai"}`).
 */
export function isReference(value: unknown): boolean {
  if (typeof value === "string") {
    const rest = value.replaceAll(REFERENCE, "");
    return rest !== value && /^([A-Za-z]{1,12}[\s=:]\s*){0,2}\s*$/.test(rest);
  }
  if (typeof value !== "object" || value === null) {
    return false;
  }
  if (isSecretRef(value)) {
    return true;
  }
  const { source, provider, id, ...others } = value as Readonly<Record<string, unknown>>;
  const isText = typeof id === "string" && (provider === undefined || typeof provider === "string");
  return SOURCES.has(source) && isText && Object.keys(others).length === 0;
}

/** What other programs write for "the value is elsewhere": `$NAME`, `${name:-default}`, `{{ name }}`, `%NAME%`, `<your key>`, `env:NAME`. */
const ELSEWHERE =
  /^([A-Za-z]{1,12}\s+)?(\$[A-Z][A-Z0-9_]{2,}|\$\{[^{}]*\}|\$\([^()]*\)|\$?\{\{[^{}]*\}\}|%[A-Z][A-Z0-9_]{2,}%|<[^<>]*>|(process\.)?env[.:][A-Za-z_]\w*|(secret|vault|op):\/?\/?[\w./-]+)$/;

/** Why a text can't be a secret, in a place that holds one: nobody would put anything in its place. It is never repeated. */
export function secretProblem(text: string): { readonly message: string; readonly fix: string } | undefined {
  const fix = "set the variable 'environment.NAME' to the secret and write ${NAME}, in capital letters";
  if (ELSEWHERE.test(text.trim())) {
    return { message: "looks like a reference and is none: it would be taken for the secret itself", fix };
  }
  return referencesIn(text).length === 0
    ? undefined
    : { message: "is a secret that is part text, part reference, which nobody puts together", fix: `${fix}, for the whole text` };
}
