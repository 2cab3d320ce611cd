import type { Policy } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** What instances have to comply with: a tenant's own, and those of the platform. */
export const policyKind: ResourceKind<Policy> = {
  kind: "Policy",
  scope: "tenant",
  permissions: "policies",
  word: "policy",
  aliases: ["policies", "pol"],
  name: (p) => `policy/${p.metadata.name}`,
  columns: [
    nameColumn,
    { header: "MODE", value: (p) => p.spec.mode },
    { header: "AT", value: ({ spec: { at } }) => (typeof at === "string" ? at : `project ${at.project}`) },
    { header: "SAYS", value: ({ spec }) => sayingOf(spec) },
    ageColumn,
    { header: "TENANT", wide: true, value: (p) => p.metadata.namespace ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.policies.list(query, { signal }),
  get: (claw, name, signal) => claw.policies.get(name, { signal }),
};

const SAYING_MAX = 60;

/** What it says, in as much of a line as a table has. */
function sayingOf({ rule, expression = "", maintenance }: Policy["spec"]): string {
  const text = maintenance ? hoursText(maintenance) : rule ? `${rule.name}: ${rule.value}` : expression.replaceAll(/\s+/g, " ");
  return text.length > SAYING_MAX ? `${text.slice(0, SAYING_MAX - 1)}…` : text;
}

function hoursText({ windows, freezes }: NonNullable<Policy["spec"]["maintenance"]>): string {
  const open = windows.map(({ days, from, to, timeZone }) => `${days.length === 7 ? "" : `${days.join(",")} `}${from}–${to} ${timeZone}`);
  const frozen = freezes.map(({ from, to }) => `not ${from} to ${to}`);
  return `maintenance: ${[...open, ...frozen].join("; ")}`;
}
