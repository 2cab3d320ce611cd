import { API_VERSION, ClawError, tenantFacts } from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { digestOf } from "../../domain/digest.ts";
import { allowedModels, allowedSkills } from "../../domain/policies/allowed.ts";
import { policiesOf, policyIssues } from "../../domain/policies/policy.ts";
import { DEFAULT_PROJECT, SHARED_TENANT, type Tenant } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { defineKind, idOf, ofItself, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, Stamp } from "../resources/kind.ts";
import { assertHas } from "../resources/permitted.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { assertDispensable, platformOnly } from "../resources/refusals.ts";
import { reviseBoundaries } from "./revise-boundaries.ts";
import { reviseModels } from "./revise-models.ts";

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
      if (spec.allowLocal && !before?.spec.allowLocal && !mayUseHost(stamp.actor)) {
        throw platformOnly("spec.allowLocal", "allowLocal");
      }
      return { next: { ...base, spec } };
    },
    async settle({ tx, stamp }, { before, after }) {
      if (!before) {
        await addDefaultProject(tx, after, stamp);
        return {};
      }
      if (digestOf(toldOf(before)) !== digestOf(toldOf(after))) {
        await reviseModels(await tx.enter(after.id), `policies of tenant '${after.name}'`, stamp);
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

/** What claws are told of its policies. */
function toldOf(tenant: Tenant) {
  const policies = policiesOf(tenant, []);
  return [allowedModels(policies)?.items ?? null, allowedSkills(policies)?.items ?? null];
}

/** Every tenant has it. */
async function addDefaultProject(tx: PlatformTransaction, tenant: Tenant, stamp: Stamp): Promise<void> {
  const id = idOf("Project", `Project/${tenant.name}/${DEFAULT_PROJECT}`, stamp);
  const project = { id, tenantId: tenant.id, name: DEFAULT_PROJECT, labels: {}, annotations: {}, spec: { quota: {} } };
  const scope = await tx.enter(tenant.id);
  await scope.projects.insert({ ...project, generation: 1, resourceVersion: 1, createdAt: stamp.now, updatedAt: stamp.now });
}
