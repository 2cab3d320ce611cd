import type { ConfigTemplate } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Config templates. */
export const configKind: ResourceKind<ConfigTemplate> = {
  kind: "ConfigTemplate",
  scope: "tenant",
  permissions: "configs",
  word: "config",
  aliases: ["configs", "cfg", "configtemplate", "configtemplates", "template", "templates"],
  name: (c) => `config/${c.metadata.name}`,
  columns: [
    nameColumn,
    { header: "ADAPTER", value: (c) => c.spec.adapter },
    { header: "VARIABLES", value: (c) => String(c.spec.variables.length) },
    { header: "PUBLISHED", value: (c) => (c.status.publishedVersion === 0 ? "-" : `v${c.status.publishedVersion}`) },
    { header: "DRAFT", value: (c) => (c.status.dirty ? "changed" : "-") },
    ageColumn,
    { header: "DESCRIPTION", wide: true, value: (c) => c.spec.description || "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.configs.list(query, { signal }),
  get: (claw, name, signal) => claw.configs.get(name, { signal }),
};
