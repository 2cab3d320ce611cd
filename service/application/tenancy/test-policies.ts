import {
  newId,
  type PolicyInput,
  type PolicyTest,
  type PolicyTestResult,
  type PolicyViolation,
  type ProjectId,
} from "../../../sdk/contract/index.ts";
import { allows, projectsThatAllow } from "../../domain/access/grants.ts";
import { verdictOf } from "../../domain/policies/judge.ts";
import { isAbout, policiesOf, type StoredPolicy } from "../../domain/policies/policy.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import { judgementsOf } from "../instances/admission.ts";
import { type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction, TenantTransaction, Transactions } from "../ports/transactions.ts";
import { invalid } from "../resources/refusals.ts";
import { assertTenant } from "../resources/requests.ts";
import type { RequestContext } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { assertEvaluable, projectOf } from "./policy-kind.ts";

/** Instances that one answer is about. */
const PER_ANSWER = 50;

type Dependencies = ResolveDependencies & { readonly transactions: Transactions };
interface Place {
  /** Name of the tenant. */
  readonly tenant: string;
  readonly after: string | undefined;
}

/**
 * Which instances violate policies, by the code that judges writes: of the request's tenant, and, of policies of the platform, of all tenants for those who may see them
 * there. Some instances at a time.
 */
export async function testPolicies(ctx: RequestContext, { policies, cursor }: PolicyTest, deps: Dependencies): Promise<PolicyTestResult> {
  for (const { metadata, spec } of policies ?? []) {
    assertTenant(ctx, metadata.namespace ?? tenantIn(ctx).name);
    assertEvaluable(metadata.name, spec);
  }
  const isEverywhere = policies?.every(({ spec }) => spec.at === "platform") === true && allows(ctx.actor.grants, "instances.read", {});
  return deps.transactions.platform(async (tx) => {
    const place =
      cursor === undefined ? { tenant: isEverywhere ? await tenantAfter(tx, "") : tenantIn(ctx).name, after: undefined } : placeOf(cursor);
    if (place.tenant !== tenantIn(ctx).name && !isEverywhere) {
      throw invalid("cursor", "is of another question", "begin anew, without a cursor");
    }
    const home = place.tenant === undefined ? undefined : await tx.tenants.find(place.tenant);
    if (!home) {
      return { tested: 0, violations: [] };
    }
    const scope = await tx.enter(home.id);
    const { items, nextCursor } = await readable(ctx, scope, place.after);
    const violations = await violationsOf(tx, scope, { home, items, policies }, deps);
    const next =
      nextCursor === undefined
        ? { tenant: isEverywhere ? await tenantAfter(tx, home.name) : undefined, after: undefined }
        : { tenant: home.name, after: nextCursor };
    return {
      tested: items.length,
      violations,
      ...(next.tenant !== undefined && { nextCursor: cursorOf({ ...next, tenant: next.tenant }) }),
    };
  });
}

/** Those that may be seen there. */
function readable({ actor }: RequestContext, scope: TenantTransaction, after: string | undefined) {
  const projects = projectsThatAllow(actor.grants, "instances.read");
  return scope.instances.list({ limit: PER_ANSWER, ...(after !== undefined && { cursor: after }) }, projects);
}

async function violationsOf(
  tx: PlatformTransaction,
  scope: TenantTransaction,
  { home, items, policies }: { home: Tenant; items: Parameters<typeof resolveInstances>[3]; policies: readonly PolicyInput[] | undefined },
  deps: ResolveDependencies,
): Promise<PolicyViolation[]> {
  const tried = policies && policiesOf({ name: home.name, spec: { policies: [] } }, await storedAs(scope, home, policies));
  const violations: PolicyViolation[] = [];
  for (const resolution of await resolveInstances(tx, scope, home.name, items, deps)) {
    const { instance } = resolution;
    const about = tried?.filter((policy) => isAbout(policy, instance)) ?? resolution.policies;
    for (const judgement of await judgementsOf(tx, home.name, { ...resolution, policies: about })) {
      const { violated, name, message, fix = "" } = verdictOf(judgement, instance.name, false);
      if (violated) {
        violations.push({
          tenant: home.name,
          project: instance.projectName,
          instance: instance.name,
          policy: name,
          mode: violated,
          message,
          fix,
        });
      }
    }
  }
  return violations;
}

/** Policies as if they were in force. Those of a project of another tenant are about nothing here. */
async function storedAs(at: TenantTransaction, home: Tenant, policies: readonly PolicyInput[]): Promise<StoredPolicy[]> {
  const now = new Date(0).toISOString();
  const common = {
    id: newId("pol"),
    tenantId: home.id,
    labels: {},
    annotations: {},
    generation: 1,
    resourceVersion: 1,
    createdAt: now,
    updatedAt: now,
  };
  const stored: StoredPolicy[] = [];
  for (const { metadata, spec } of policies) {
    const projectId: ProjectId | undefined = await projectOf({ at, home }, spec.at);
    stored.push({ ...common, name: metadata.name, spec, projectId });
  }
  return stored;
}

/** The next tenant by name. */
async function tenantAfter(tx: PlatformTransaction, name: string): Promise<string | undefined> {
  return tx.tenants.nextAfter(name);
}

function cursorOf({ tenant, after }: Place): string {
  return Buffer.from(JSON.stringify([tenant, after ?? null])).toString("base64url");
}

function placeOf(cursor: string): Place {
  try {
    const [tenant, after] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (typeof tenant === "string" && (after === null || typeof after === "string")) {
      return { tenant, after: after ?? undefined };
    }
  } catch {
    // Whoever wrote it, we did not.
  }
  throw invalid("cursor", "is none of this route", "begin anew, without a cursor");
}
