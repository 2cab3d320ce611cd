import type { Policy } from "./policy.ts";
import { isModel, isSkill, listOf } from "./rules.ts";

/** What the policies that are enforced allow of something; undefined where none is about it. */
export interface Allowed {
  readonly items: readonly string[];
  isAllowed(name: string): boolean;
}

export function allowedModels(policies: readonly Policy[]): Allowed | undefined {
  return allowedBy(policies, "allowed-models", isModel);
}

export function allowedSkills(policies: readonly Policy[]): Allowed | undefined {
  return allowedBy(policies, "allowed-skills", isSkill);
}

function allowedBy(policies: readonly Policy[], name: string, isMeant: (item: string, name: string) => boolean): Allowed | undefined {
  const lists = policies.flatMap(({ mode, rule }) => (mode === "enforce" && rule?.name === name ? [listOf(rule.value)] : []));
  const isAllowed = (one: string) => lists.every((list) => list.some((item) => isMeant(item, one)));
  const items = lists.flat().filter((item) => item !== "" && isAllowed(item));
  return lists.length === 0 ? undefined : { items, isAllowed };
}
