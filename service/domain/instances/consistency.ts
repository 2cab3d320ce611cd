import { isDeepStrictEqual } from "node:util";
import {
  ConditionReason,
  ConditionType,
  type ConfigDifference,
  formatConfigKey,
  type InstanceSpec,
  parseConfigKey,
  SECRET_MASK,
} from "../../../sdk/contract/index.ts";
import { type ConfigTree, isTree, leafKeys, valueAt } from "../configs/config-path.ts";
import type { KeyPatterns } from "../configs/secret-rules.ts";
import type { NewCondition } from "./conditions.ts";
import type { Findings, FoundDifference } from "./findings.ts";
import type { Instance, InstanceState } from "./instance.ts";

/** More than anybody reads. */
export const DIFFERENCES_MAX = 100;
/** What of a value is shown. */
const SHOWN_MAX = 300;
/** What is larger can't be adopted: it would be kept twice. */
const ADOPTED_MAX = 4_000;
const KEY_MAX = 512;

/** One config file, three ways. */
export interface ThreeWay {
  readonly file: string;
  /** Undefined where the file can't be taken apart: it is compared as a whole. */
  readonly declared: ConfigTree | undefined;
  readonly disk: ConfigTree | undefined;
  /** What the claw says of itself: what it does not show is not in it. */
  readonly live: ConfigTree | undefined;
}

/** What is known of a key. */
export interface KeyFacts {
  readonly owner: ConfigDifference["owner"];
  readonly declaredBy?: string | undefined;
  isSecret(value: unknown): boolean;
}

/**
 * The keys in which a file differs, each value by itself: lists are values. What a program writes in another form is no difference, since values are compared and
 * not texts; nor is what it did not show of itself.
 * @param written keys that the claw may write itself
 */
export function differencesOf(
  { file, declared, disk, live }: ThreeWay,
  factsOf: (key: string) => KeyFacts,
  written: KeyPatterns,
): readonly FoundDifference[] {
  if (!declared || !disk) {
    return [wholeFile(file, "tenant")];
  }
  const keys = new Set([...leafKeys(declared), ...leafKeys(disk), ...(live ? leafKeys(live) : [])]);
  const found: FoundDifference[] = [];
  for (const key of [...keys].toSorted()) {
    const [wanted, there, running] = [leafAt(declared, key), leafAt(disk, key), live && leafAt(live, key)];
    const isOnDisk = !isDeepStrictEqual(wanted, there);
    if (!isOnDisk && (running === undefined || isDeepStrictEqual(wanted, running))) {
      continue;
    }
    if (key.length > KEY_MAX) {
      found.push(wholeFile(file, "tenant"));
      continue;
    }
    const { declaredBy, owner, isSecret } = factsOf(key);
    const secret = [wanted, there, running].some((value) => value !== undefined && isSecret(value));
    const show = (value: unknown) => (secret ? SECRET_MASK : shortened(JSON.stringify(value)));
    const isKept = isOnDisk && !secret && (JSON.stringify(there)?.length ?? 0) <= ADOPTED_MAX;
    found.push({
      file,
      key,
      ...(declaredBy !== undefined && declaredBy !== key && { declaredBy }),
      owner: written.covers(parseConfigKey(key)) ? "agent" : owner,
      ...(wanted !== undefined && { declared: show(wanted) }),
      ...(there !== undefined && { disk: show(there) }),
      ...(running !== undefined && { live: show(running) }),
      secret,
      ...(isKept && (there === undefined ? { isRemoved: true } : { value: there })),
    });
  }
  return found;
}

/** Of a file that can't be taken apart, or is gone. */
export function wholeFile(file: string, owner: ConfigDifference["owner"]): FoundDifference {
  return { file, key: formatConfigKey([file]), owner, secret: false };
}

/** A tree that has something in it is no value. */
function leafAt(tree: ConfigTree, key: string): unknown {
  const value = valueAt(tree, key);
  return isTree(value) && Object.keys(value).length > 0 ? undefined : value;
}

function shortened(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

type Judged = FoundDifference & Pick<ConfigDifference, "state" | "ignoredUntil">;

/** Each difference with what is to be thought of it now. */
export function judgedDifferences(
  { differences }: Pick<Findings, "differences">,
  { config: { ignored = [] } }: Pick<InstanceSpec, "config">,
  now: string,
): readonly Judged[] {
  const until = new Map(ignored.map((item) => [item.key, item.until]));
  return differences.map((difference) => {
    const ignoredUntil = until.get(difference.key);
    if (difference.owner === "agent") {
      return { ...difference, state: "own" };
    }
    return ignoredUntil !== undefined && Date.parse(ignoredUntil) > Date.parse(now)
      ? { ...difference, state: "ignored", ignoredUntil }
      : { ...difference, state: "differs" };
  });
}

/** What was found, if it is about what its agent has stored and what stands on its disk now. */
export function currentFindings({ consistency, agent }: Pick<InstanceState, "consistency" | "agent">): Findings | undefined {
  return consistency && consistency.stored === agent?.stored && consistency.disk === (agent?.disk?.digest ?? "") ? consistency : undefined;
}

const KEYS_NAMED = 5;

/** That somebody changed what is declared, while that is so and nobody said to leave it. */
export function alteredCondition(
  { spec }: Pick<Instance, "spec">,
  state: Pick<InstanceState, "consistency" | "agent">,
  now: string,
): NewCondition | undefined {
  const findings = currentFindings(state);
  const open = findings ? judgedDifferences(findings, spec, now).filter((difference) => difference.state === "differs") : [];
  return findings && open.length > 0
    ? { type: ConditionType.ConfigSynced, status: "False", reason: ConditionReason.Altered, message: alteredMessage(open, findings) }
    : undefined;
}

/** `model.name, tools.profile are not as declared: changed in openclaw.json at …, by uid 0` */
export function alteredMessage(open: readonly FoundDifference[], { files, more }: Pick<Findings, "files" | "more">): string {
  const named = open.slice(0, KEYS_NAMED).map(({ key }) => key);
  const rest = open.length + more - named.length;
  const what = `${named.join(", ")}${rest > 0 ? ` and ${rest} more` : ""} ${open.length + more === 1 ? "is" : "are"} not as declared`;
  const changed = files.map(({ path, changedAt, by }) => `${path}${changedAt ? ` at ${changedAt}` : ""}${by ? ` by ${by}` : ""}`);
  return changed.length === 0 ? what : `${what}: somebody changed ${changed.slice(0, KEYS_NAMED).join(", ")}`;
}
