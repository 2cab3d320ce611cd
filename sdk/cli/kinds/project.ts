import type { Project } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Projects. */
export const projectKind: ResourceKind<Project> = {
  kind: "Project",
  scope: "tenant",
  permissions: "projects",
  word: "project",
  aliases: ["projects", "prj"],
  name: (p) => `project/${p.metadata.name}`,
  columns: [
    nameColumn,
    { header: "INSTANCES", value: (p) => `${p.status.instances}/${p.spec.quota.instances ?? "∞"}` },
    ageColumn,
    { header: "DISPLAY NAME", wide: true, value: (p) => p.spec.displayName ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.projects.list(query, { signal }),
  get: (claw, name, signal) => claw.projects.get(name, { signal }),
};
