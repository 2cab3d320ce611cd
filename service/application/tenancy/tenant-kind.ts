import { API_VERSION, ClawError, EventReason, EventType, tenantFacts } from "../../../sdk/contract/index.ts";
import { digestOf } from "../../domain/digest.ts";
import { allowedModels, policyIssues } from "../../domain/tenancy/policy.ts";
import { DEFAULT_PROJECT, SHARED_TENANT, type Tenant } from "../../domain/tenancy/tenant.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { defineKind, idOf, ofItself, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, Stamp } from "../resources/kind.ts";
import { pagesOf } from "../resources/pages.ts";
import { assertHas } from "../resources/permitted.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { assertDispensable } from "../resources/refusals.ts";
import { reviseBoundaries } from "./revise-boundaries.ts";

export function tenantKind(deps: Parameters<typeof reviseBoundaries>[2]): ResourceKind<"Tenant", Tenant> {
  return defineKind(tenantFacts, ofItself, {
    rows: (tx) => tx.tenants,
    async build({ stamp }, { metadata, spec }, before: Tenant | undefined, base) {
      const issues = policyIssues(spec.policies);
      if (issues.length > 0) {
        throw new ClawError("request.invalid", `tenant '${metadata.name}' has policies that can't be evaluated`, { issues });
      }
      if (spec.admins.some((subject) => !before?.spec.admins.includes(subject))) {
        assertHas(stamp.actor, [{ at: "tenant", role: "tenant-admin", permissions: undefined }], base, "spec.admins");
      }
      return { next: { ...base, spec } };
    },
    async settle({ tx, stamp }, { before, after }) {
      if (!before) {
        await addDefaultProject(tx, after, stamp);
        return {};
      }
      const modelsOf = ({ spec }: Tenant) => allowedModels(spec.policies)?.items;
      if (digestOf(modelsOf(before) ?? null) !== digestOf(modelsOf(after) ?? null)) {
        await reviseModels(tx, after, stamp);
      }
      // Clusters enforce the quota too.
      return { boundaries: digestOf(before.spec.quota) === digestOf(after.spec.quota) ? [] : await reviseBoundaries(tx, after, deps) };
    },
    async remove({ at }, before) {
      assertDispensable("tenant", before.name, SHARED_TENANT);
      await at.tenants.delete(before.id);
      return REMOVED;
    },
    async present(tx, tenants) {
      const counts = await tx.tenants.countInstances(tenants.map(({ id }) => id));
      return tenants.map((tenant) => ({
        apiVersion: API_VERSION,
        kind: "Tenant",
        metadata: presentMetadata(tenant),
        spec: tenant.spec,
        status: { instances: counts.get(tenant.id) ?? 0, conditions: [] },
      }));
    },
    custom: { isNamespace: true },
  });
}

/** Claws are told what may be chosen while they run. */
async function reviseModels(tx: PlatformTransaction, { id, name }: Tenant, { actor, now }: Stamp): Promise<void> {
  const scope = await tx.enter(id);
  const event = { type: EventType.Normal, reason: EventReason.Requested, message: `policy 'allowed-models' of tenant '${name}'` };
  for await (const page of pagesOf((query) => scope.instances.listMarks("any", query))) {
    const ids = page.map((instance) => instance.id);
    await scope.instances.requestReconcile(ids);
    await recordEvents(
      scope,
      ids.map((instance) => ({ instance, ...event, actor: actor.subject })),
      now,
    );
  }
}

/** Every tenant has it. */
async function addDefaultProject(tx: PlatformTransaction, tenant: Tenant, stamp: Stamp): Promise<void> {
  const id = idOf("Project", `Project/${tenant.name}/${DEFAULT_PROJECT}`, stamp);
  const project = { id, tenantId: tenant.id, name: DEFAULT_PROJECT, labels: {}, annotations: {}, spec: { quota: {} } };
  const scope = await tx.enter(tenant.id);
  await scope.projects.insert({ ...project, generation: 1, resourceVersion: 1, createdAt: stamp.now, updatedAt: stamp.now });
}
