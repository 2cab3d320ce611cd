import { API_VERSION, projectFacts } from "../../../sdk/contract/index.ts";
import { DEFAULT_PROJECT, type Project } from "../../domain/tenancy/tenant.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { assertDispensable } from "../resources/refusals.ts";

export const projectKind: ResourceKind<"Project", Project> = defineKind(projectFacts, ofTenant, {
  rows: (tx) => tx.projects,
  project: ({ id }) => id,
  build: async ({ home }, { spec }, _before: Project | undefined, base) => ({ next: { ...base, tenantId: home.id, spec } }),
  async remove({ at }, before) {
    assertDispensable("project", before.name, DEFAULT_PROJECT);
    await at.projects.delete(before.id);
    return REMOVED;
  },
  async present(tx, projects, tenant) {
    const counts = await tx.instances.countByProject();
    return projects.map((project) => ({
      apiVersion: API_VERSION,
      kind: "Project",
      metadata: { ...presentMetadata(project), namespace: tenant },
      spec: project.spec,
      status: { instances: counts.get(project.id) ?? 0, conditions: [] },
    }));
  },
});
