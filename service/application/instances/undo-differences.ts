import { isDeepStrictEqual } from "node:util";
import { ClawError, type InstanceSpec } from "../../../sdk/contract/index.ts";
import { isTree, leafKeys, valueAt } from "../../domain/configs/config-path.ts";
import { judgedDifferences } from "../../domain/instances/consistency.ts";
import type { FoundDifference } from "../../domain/instances/findings.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { TenantWriter } from "../resources/kind.ts";
import { invalid } from "../resources/refusals.ts";
import { type ResolveDependencies, resolveInstances } from "./resolve-instance.ts";

export type UndoDependencies = Omit<ResolveDependencies, "unconfined">;

/** The differences that an action is about, of those that were found. @throws {ClawError} for a key that does not differ */
function chosen(
  instance: Instance,
  keys: readonly string[] | undefined,
  now: string,
  states: readonly string[],
): readonly FoundDifference[] {
  const { consistency } = instance.status;
  const differences = consistency ? judgedDifferences(consistency, instance.spec, now) : [];
  if (keys === undefined) {
    return differences.filter(({ state }) => states.includes(state));
  }
  return keys.map((key, index) => {
    const found = differences.find((difference) => difference.key === key);
    if (!found) {
      const fix = `see what differs: claw configs check ${instance.name}`;
      throw invalid(`keys[${index}]`, `instance '${instance.name}' was not found to differ in '${key}'`, fix);
    }
    if (found.state === "own") {
      throw invalid(`keys[${index}]`, `'${key}' is the claw's own to write`, "leave it out");
    }
    return found;
  });
}

/** The specification with what somebody changed in the claw's config taken into it. @throws {ClawError} for what can't be */
export function adoptedSpec(before: Instance, keys: readonly string[] | undefined, now: string): InstanceSpec {
  const differences = chosen(before, keys, now, ["differs"]);
  const overrides = new Map(before.spec.config.overrides.map((override) => [override.key, override.value]));
  for (const [index, difference] of differences.entries()) {
    const { key, declaredBy = key, owner, secret, isRemoved, value, disk, declared } = difference;
    const refuse = (why: string, fix: string) => invalid(keys ? `keys[${index}]` : "keys", `'${key}' can't be adopted: ${why}`, fix);
    if (secret) {
      throw refuse("it is secret", "write it to a secret: claw secrets set NAME; and name that in the configuration");
    }
    if (owner === "platform") {
      throw refuse("it is the platform's, not the instance's", "revert it, or leave it out");
    }
    if (isRemoved === undefined && value === undefined) {
      const why =
        disk === undefined && declared === undefined ? "the file can't be taken apart" : "it is too large, or only its claw says so";
      throw refuse(why, "revert it, or write it to spec.config.overrides");
    }
    for (const other of [...overrides.keys()].filter((known) => known !== declaredBy && known.startsWith(`${declaredBy}.`))) {
      overrides.delete(other);
    }
    overrides.set(declaredBy, (isRemoved ? null : value) as InstanceSpec["config"]["overrides"][number]["value"]);
  }
  return { ...before.spec, config: { ...before.spec.config, overrides: [...overrides].map(([key, value]) => ({ key, value })) } };
}

/** Whether what is to be adopted comes out as it stands in the file. @throws {ClawError} for what has no place of its own in the configuration */
export async function assertComesOut(
  { tx, at, home }: TenantWriter,
  before: Instance,
  after: Instance,
  keys: readonly string[] | undefined,
  now: string,
  deps: UndoDependencies,
): Promise<void> {
  const adapter = await deps.types.find(after.spec.type, at);
  const path = adapter?.configKeys?.path;
  const [resolution] = await resolveInstances(tx, at, home.name, [after], deps);
  const content = resolution?.resolved?.runtime.files.find((file) => file.path === path)?.content;
  const tree = content === undefined ? undefined : adapter?.configKeys?.read(content);
  if (!tree) {
    // What is wrong with the configuration is told with the outcome of the whole change.
    return;
  }
  for (const { key, isRemoved, value } of chosen(before, keys, now, ["differs"])) {
    const comes = valueAt(tree, key);
    const isGone = comes === undefined || (isTree(comes) && leafKeys(comes).length > 0);
    if (isRemoved ? !isGone : !isDeepStrictEqual(comes, value)) {
      const message = `'${key}' can't be adopted: it has no place of its own in what instance '${before.name}' is declared by`;
      const fix = "change what it comes from, or revert it";
      throw new ClawError("config.invalid", message, { issues: [{ path: "keys", message, fix }] });
    }
  }
}

/** The specification with differences ignored until a time, or not any more. @throws {ClawError} for a time that is over */
export function ignoringSpec(
  before: Instance,
  { keys, until }: { readonly keys?: readonly string[] | undefined; readonly until: string | null },
  now: string,
): InstanceSpec {
  const { ignored: former = [], ...config } = before.spec.config;
  if (until !== null && Date.parse(until) <= Date.parse(now)) {
    throw invalid("until", `'${until}' is over`, "give a time to come, or null for them to count again");
  }
  const given =
    until === null ? (keys ?? former.map(({ key }) => key)) : chosen(before, keys, now, ["differs", "ignored"]).map(({ key }) => key);
  const named = [...new Set(given)];
  const kept = former.filter((item) => !named.includes(item.key) && Date.parse(item.until) > Date.parse(now));
  const ignored = [...kept, ...(until === null ? [] : named.map((key) => ({ key, until })))];
  return { ...before.spec, config: { ...config, ...(ignored.length > 0 && { ignored }) } };
}

/** The instance as one whose files are to be written once more; itself where nothing is to be, or that is wanted already. @throws {ClawError} `instance.unsupported` */
export function toBeReverted(before: Instance, by: string, now: string): Instance {
  const { agent, consistency } = before.status;
  if (agent && agent.disk === undefined && before.spec.running) {
    const message = `the agent of instance '${before.name}' does not say what stands in its files`;
    throw new ClawError("instance.unsupported", `${message}; restart the instance once for one that does`);
  }
  // Whoever asks for what is there may see it before the agent says so by itself.
  const isAltered = (agent?.disk?.altered.length ?? 0) > 0 || (consistency?.files.length ?? 0) > 0;
  if (!isAltered || consistency?.revert) {
    return before;
  }
  const found = consistency ?? { checkedAt: now, disk: "", stored: "", live: "unknown", files: [], differences: [], more: 0 };
  return { ...before, status: { ...before.status, consistency: { ...found, revert: { by, at: now } } } };
}
