import type { Secret } from "../../contract/index.ts";
import { formatAge } from "../output/age.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Secrets that configurations name. */
export const secretKind: ResourceKind<Secret> = {
  kind: "Secret",
  scope: "tenant",
  permissions: "secrets",
  word: "secret",
  aliases: ["secrets"],
  name: (s) => `secret/${s.metadata.name}`,
  columns: [
    nameColumn,
    { header: "SOURCE", value: ({ spec: { source } }) => sourceOf(source) },
    {
      header: "VALUE",
      value: ({ status: { number, nextNumber } }) => `#${number}${nextNumber === undefined ? "" : `, #${nextNumber} to come`}`,
    },
    {
      header: "AVAILABLE",
      value: ({ status }) => status.conditions.map(({ status: is, reason }) => (is === "True" ? "yes" : reason)).join(),
    },
    { header: "READ", value: ({ status: { readAt } }) => (readAt === undefined ? "-" : `${formatAge(readAt)} ago`) },
    ageColumn,
    { header: "DESCRIPTION", wide: true, value: (s) => s.spec.description ?? "-" },
    { header: "MESSAGE", wide: true, value: ({ status }) => status.conditions.map(({ message }) => message).join() },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.secrets.list(query, { signal }),
  get: (claw, name, signal) => claw.secrets.get(name, { signal }),
};

function sourceOf(source: Secret["spec"]["source"]): string {
  if (source === undefined) {
    return "given";
  }
  if ("env" in source) {
    return `env ${source.env}`;
  }
  if ("file" in source) {
    return `file ${source.file}`;
  }
  if ("vault" in source) {
    return `vault ${source.vault.path}#${source.vault.field}`;
  }
  return `cluster ${source.kubernetes.cluster}/${source.kubernetes.name}#${source.kubernetes.key}`;
}
