import { parseConfigKey } from "../../../sdk/contract/index.ts";
import type { ValuePath } from "../sealed.ts";

/** Raised when these rules come to take more for secret: what is stored is then looked through again. */
export const SECRET_RULES_VERSION = 1;

export interface SecretRulesInput {
  /** The type's secret keys; `*` stands for one segment. What is beneath one is secret too. */
  readonly secretKeys: readonly string[];
  /** Keys that only sound secret, and what is beneath them. */
  readonly plainKeys?: readonly string[] | undefined;
  /** Keys that a template or a level declares secret: whatever their values are. */
  readonly declared?: Iterable<string> | undefined;
}

/** Tells which values of a unified config are secret: by what its type and its template say, by their names, and by their form. */
export class SecretRules {
  readonly #secret: KeyPatterns;
  readonly #plain: KeyPatterns;
  readonly #declared: KeyPatterns;

  constructor({ secretKeys, plainKeys = [], declared = [] }: SecretRulesInput) {
    this.#secret = new KeyPatterns(secretKeys);
    this.#plain = new KeyPatterns(plainKeys);
    this.#declared = new KeyPatterns(declared);
  }

  isSecret(path: ValuePath, value: unknown): boolean {
    if (this.#declared.covers(path)) {
      return true;
    }
    if (!(typeof value === "number" || (typeof value === "string" && value !== ""))) {
      return false;
    }
    return this.#secret.covers(path) || looksSecret(value) || (soundsSecret(path, value) && !this.#plain.covers(path));
  }
}

const SECRET_WORD = /(key|token|secret|password|passphrase|passwd|pwd|credential|authorization|cookie)s?$|^(pass|creds?)$/;
/** What says of a name that it is about a secret's place or kind, not the secret. */
const ABOUT = new Set("file path dir env mode type name url uri host port id ttl limit count size prefix policy version".split(" "));

/** A text is secret by any of the names that lead to it; a number by its own, unless that is a count: `maxTokens`. */
function soundsSecret(path: ValuePath, value: unknown): boolean {
  const own = path.at(-1) ?? "";
  return typeof value === "string" ? path.some(isSecretName) : isSecretName(own) && !own.endsWith("s");
}

/** A fleet's configurations have the same few names over and over; longer ones are not remembered. */
const judgedNames = new Map<string, boolean>();
const JUDGED_MAX = 10_000;
const JUDGED_LENGTH_MAX = 64;

function isSecretName(name: string): boolean {
  const known = judgedNames.get(name);
  if (known !== undefined) {
    return known;
  }
  const isSecret = judgeName(name);
  if (judgedNames.size >= JUDGED_MAX) {
    judgedNames.clear();
  }
  if (name.length <= JUDGED_LENGTH_MAX) {
    judgedNames.set(name, isSecret);
  }
  return isSecret;
}

/** `apiKey`, `botToken`, `DB_PASSWORD`, `OPENAI_API_KEY_2` */
function judgeName(name: string): boolean {
  const words = wordsOf(name).filter((word) => !/^\d+$/.test(word));
  const last = words.at(-1);
  if (last === undefined || (words.includes("public") && last.startsWith("key"))) {
    return false;
  }
  // Variables of an environment put more behind it: GITHUB_TOKEN_PROD.
  const isVariable = /^[A-Z][A-Z0-9_]*$/.test(name) && !ABOUT.has(last);
  return SECRET_WORD.test(last) || (isVariable && words.some((word) => SECRET_WORD.test(word)));
}

function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

const CREDENTIAL =
  /^(sk|rk)-[\w-]{16,}$|^gh[opsur]_\w{16,}$|^github_pat_\w{16,}$|^xox[abeprs]-[\w-]{10,}$|^A(KI|SI)A[A-Z0-9]{16}$|^eyJ[\w-]+\.[\w-]+\.[\w-]*$|^(Bearer|Basic)\s+\S{8,}$|-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Whether a value is a credential by its form, whatever it goes by: a provider's key, a private key, a URL with a password. */
function looksSecret(value: unknown): boolean {
  return typeof value === "string" && (CREDENTIAL.test(value) || hasPassword(value));
}

/** Whether it is a URL with a password that is no reference. In two steps: a value may be long, and all of it colons. */
function hasPassword(value: string): boolean {
  const [, user] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\s]*)@/i.exec(value) ?? [];
  return user !== undefined && /:(?!\$\{)./.test(user);
}

/** Keys, in which `*` stands for one segment. Looking one up costs its length, however many there are. */
export class KeyPatterns {
  readonly #root = new Map<string, Node>();

  constructor(patterns: Iterable<string>) {
    for (const pattern of patterns) {
      let node: Node = { ends: false, next: this.#root };
      for (const segment of parseConfigKey(pattern)) {
        const next = node.next.get(segment) ?? { ends: false, next: new Map() };
        node.next.set(segment, next);
        node = next;
      }
      node.ends = true;
    }
  }

  /** Whether a path, or one that it is beneath, is among them. */
  covers(path: ValuePath): boolean {
    return covers(this.#root, path, 0);
  }
}

interface Node {
  ends: boolean;
  readonly next: Map<string, Node>;
}

function covers(next: Node["next"], path: ValuePath, index: number): boolean {
  const segment = path[index];
  if (segment === undefined || next.size === 0) {
    return false;
  }
  return [next.get(segment), next.get("*")].some((node) => node && (node.ends || covers(node.next, path, index + 1)));
}
