import { createHash } from "node:crypto";
import type { Naming } from "../contract/provider.ts";
import { packageOf, parseUrn } from "../contract/urn.ts";

/** How resources whose program gives no name get one: `default` leaves it to the provider. */
export type NamingStrategy =
  | { readonly mode: "default" | "verbatim" | "disabled" }
  | { readonly pattern: string; readonly isEnforced: boolean };

/** The config key `pulumi:autonaming`, read. */
export interface NamingRules {
  readonly fallback: NamingStrategy;
  readonly packages: ReadonlyMap<string, { readonly fallback: NamingStrategy; readonly types: ReadonlyMap<string, NamingStrategy> }>;
}

/** What the rules say of one resource. */
export interface NamingDecision {
  readonly naming: Naming;
  /** Two resources of one name can't be at once, so a replacement deletes first. */
  readonly isFixed: boolean;
  /** The rules mean this resource, so it is worth a warning when its provider can't follow them. */
  readonly isMeant: boolean;
}

/** @returns undefined where the provider makes names as it does */
export function decideNaming(rules: NamingRules | undefined, urn: string, seed: Uint8Array): NamingDecision | undefined {
  if (!rules) {
    return undefined;
  }
  const { type, name } = parseUrn(urn);
  const ofPackage = rules.packages.get(packageOf(type));
  const strategy = ofPackage?.types.get(type) ?? ofPackage?.fallback ?? rules.fallback;
  const isMeant = ofPackage !== undefined;
  if ("pattern" in strategy) {
    const { text, isRandom } = generate(strategy.pattern, name, seed);
    const mode = strategy.isEnforced ? "enforce" : "propose";
    return { naming: { mode, proposedName: text }, isFixed: !isRandom, isMeant: isMeant || strategy.isEnforced };
  }
  switch (strategy.mode) {
    case "default":
      return undefined;
    case "verbatim":
      return { naming: { mode: "enforce", proposedName: name }, isFixed: true, isMeant };
    case "disabled":
      return { naming: { mode: "disable", proposedName: "" }, isFixed: true, isMeant };
  }
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const alphabets = { hex: `${DIGITS}abcdef`, alphanum: LETTERS + DIGITS, string: LETTERS, num: DIGITS };
export const RANDOM_PART = /\$\{(hex|alphanum|string|num)\((\d+)\)\}|\$\{uuid\}/g;

function generate(pattern: string, name: string, seed: Uint8Array): { text: string; isRandom: boolean } {
  let parts = 0;
  const text = pattern
    .replaceAll("${name}", () => name)
    .replace(RANDOM_PART, (_match, alphabet?: keyof typeof alphabets, length = "0") => {
      parts++;
      return alphabet ? randomText(seed, parts, alphabets[alphabet], Number(length)) : uuidOf(seed, parts);
    });
  return { text, isRandom: parts > 0 };
}

/** The same for the same seed: a resource is checked more than once in an operation. */
function randomText(seed: Uint8Array, part: number, alphabet: string, length: number): string {
  let text = "";
  for (let block = 0; text.length < length; block++) {
    for (const byte of createHash("sha256").update(seed).update(`${part}.${block}`).digest()) {
      // What is above the last multiple would favour the first letters.
      if (byte < 256 - (256 % alphabet.length)) {
        text += alphabet[byte % alphabet.length];
      }
    }
  }
  return text.slice(0, length);
}

function uuidOf(seed: Uint8Array, part: number): string {
  return randomText(seed, part, alphabets.hex, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
