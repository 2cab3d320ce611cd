import { AgentPhase, ConditionType, type Consistency } from "../../../sdk/contract/index.ts";
import { currentFindings, judgedDifferences } from "../../domain/instances/consistency.ts";
import type { Instance } from "../../domain/instances/instance.ts";

/** What is known of what an instance's claw is configured with. @param shown how many of its differences @param isChecked whether it was looked at just now */
export function presentConsistency(
  instance: Instance,
  now: string,
  { shown, isChecked }: { shown: number; isChecked: boolean },
): Consistency {
  const { id, name, projectName, status, spec } = instance;
  const { consistency: findings } = status;
  const differences = findings ? judgedDifferences(findings, spec, now) : [];
  const of = (state: Consistency["differences"][number]["state"]) => differences.filter((difference) => difference.state === state).length;
  const counts = { differs: of("differs") + (findings?.more ?? 0), ignored: of("ignored"), own: of("own") };
  const unknown = whyUnknown(instance, isChecked);
  return {
    instance: name,
    uid: id,
    project: projectName,
    state: unknown === undefined ? (counts.differs > 0 ? "differs" : "consistent") : "unknown",
    message: unknown ?? "",
    ...(findings && { checkedAt: findings.checkedAt }),
    live: findings?.live ?? "unknown",
    files: (findings?.files ?? []).map(({ path, changedAt, by }) => ({ path, ...(changedAt && { changedAt }), ...(by && { by }) })),
    differences: differences.slice(0, shown).map(({ value: _value, isRemoved: _isRemoved, ...difference }) => difference),
    counts,
    ...(findings?.revert && { reverting: findings.revert }),
  };
}

/** Why nobody can tell now; undefined where somebody looked, or its agent says that all is as it was stored. */
function whyUnknown(instance: Instance, isChecked: boolean): string | undefined {
  const { spec, status, generation, deletedAt } = instance;
  const { agent, delivery, conditions } = status;
  if (deletedAt !== undefined) {
    return "it is being destroyed";
  }
  if (!spec.running) {
    return "it is stopped: it reads its configuration when it starts, and is looked at then";
  }
  if (isChecked) {
    return undefined;
  }
  if (!conditions.some(({ type, status: is }) => type === ConditionType.AgentConnected && is === "True")) {
    return "its agent is not connected: it is looked at when it is";
  }
  if (delivery?.generation !== generation || agent?.stored !== delivery.handed) {
    return "its new configuration is on its way to it";
  }
  if (agent.disk === undefined) {
    return "its agent does not say what stands in its files: change or restart the instance once";
  }
  if (agent.phase === AgentPhase.Starting) {
    return "it is starting";
  }
  const isKnown = agent.disk.altered.length === 0 || currentFindings(status) !== undefined;
  return isKnown ? undefined : "its agent could not be asked just now";
}
