import { API_VERSION, ClawError, policyFacts } from "../../../sdk/contract/index.ts";
import { allows } from "../../domain/access/grants.ts";
import { digestOf } from "../../domain/digest.ts";
import { expressionIssue } from "../../domain/policies/expression.ts";
import type { StoredPolicy } from "../../domain/policies/policy.ts";
import { ruleIssue } from "../../domain/policies/rules.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { everyOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid } from "../resources/refusals.ts";
import { reviseModels } from "./revise-models.ts";

/** Of one tenant, or of the platform: each write of an instance evaluates them all. */
const POLICIES_MAX = 100;

export const policyKind: ResourceKind<"Policy", StoredPolicy> = defineKind(policyFacts, ofTenant, {
  rows: (tx) => tx.policies,
  async build(writer, { metadata, spec }, before: StoredPolicy | undefined, base) {
    const { at, home } = writer;
    assertMayKeep(writer, before);
    if (spec.at === "platform" || before?.spec.at === "platform") {
      assertPlatform(writer, metadata.name);
    } else if (spec.match?.tenants) {
      throw invalid(
        "spec.match.tenants",
        "a tenant's policy is about that tenant",
        "leave it out, or write a policy of the platform: at: platform",
      );
    }
    assertEvaluable(metadata.name, spec);
    if (!before && (await at.policies.inForce()).filter(({ tenantId }) => tenantId === home.id).length >= POLICIES_MAX) {
      throw invalid(
        "metadata.name",
        `tenant '${home.name}' has ${POLICIES_MAX} policies, which is all that it may have`,
        "delete some, or say more in each",
      );
    }
    return { next: { ...base, tenantId: home.id, spec, projectId: await projectOf(writer, spec.at) } };
  },
  async settle(writer, { before, after }) {
    await reviseWhatClawsAreTold(writer, before, after);
    return {};
  },
  async remove(writer, before) {
    assertMayKeep(writer, before);
    if (before.spec.at === "platform") {
      assertPlatform(writer, before.name);
    }
    await writer.at.policies.delete(before.id);
    await reviseWhatClawsAreTold(writer, before, undefined);
    return REMOVED;
  },
  present: async (_tx, stored, tenant) =>
    stored.map((policy) => ({
      apiVersion: API_VERSION,
      kind: "Policy",
      metadata: { ...presentMetadata(policy), namespace: policy.spec.at === "platform" ? SHARED_TENANT : tenant },
      spec: policy.spec,
      status: { conditions: [] },
    })),
});

/** What every tenant sees of the platform's is nobody's to change from there. */
function assertMayKeep({ home }: TenantWriter, before: StoredPolicy | undefined): void {
  if (before && before.tenantId !== home.id) {
    const fix = "choose another name, or ask a platform administrator";
    const message = `the policy '${before.name}' is the platform's`;
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "metadata.name", message, fix }] });
  }
}

function assertPlatform({ home, stamp }: TenantWriter, name: string): void {
  if (home.name !== SHARED_TENANT) {
    const message = `a policy of the whole platform is kept in the tenant '${SHARED_TENANT}' alone`;
    throw invalid("spec.at", message, `write it there (metadata.namespace: ${SHARED_TENANT}), or make it this tenant's: at: tenant`);
  }
  if (!allows(stamp.actor.grants, "policies.write", {})) {
    const message = `the policy '${name}' is the whole platform's, and '${stamp.actor.subject}' may keep policies of this tenant only`;
    const fix = "ask a platform administrator";
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "spec.at", message, fix }] });
  }
}

/** @throws {ClawError} `request.invalid`, with the place of what is wrong in an expression */
export function assertEvaluable(name: string, { rule, expression, maintenance }: StoredPolicy["spec"]): void {
  if (maintenance) {
    return;
  }
  const issue = rule ? prefixed(ruleIssue(rule), "spec.rule.") : prefixed(expressionIssue(expression ?? ""), "spec.");
  if (issue) {
    throw new ClawError("request.invalid", `policy '${name}' can't be evaluated: ${issue.path} ${issue.message}`, { issues: [issue] });
  }
}

export async function projectOf({ at, home }: Pick<TenantWriter, "at" | "home">, place: StoredPolicy["spec"]["at"]) {
  if (typeof place === "string") {
    return undefined;
  }
  const project = await at.projects.find(place.project);
  if (!project) {
    throw new ClawError("project.not_found", `there is no project '${place.project}' in tenant '${home.name}'`);
  }
  return project.id;
}

/** Rules that claws are told of, so that they keep to them while they run. */
const TOLD: ReadonlySet<string> = new Set(["allowed-models", "allowed-skills"]);

async function reviseWhatClawsAreTold(
  { tx, at, home, stamp }: TenantWriter,
  before: StoredPolicy | undefined,
  after: StoredPolicy | undefined,
) {
  if (digestOf(toldOf(before)) === digestOf(toldOf(after))) {
    return;
  }
  const why = `policy '${(after ?? before)?.name}'`;
  if ([before, after].every((policy) => policy?.spec.at !== "platform")) {
    await reviseModels(at, why, stamp);
    return;
  }
  for await (const { id } of everyOf((page) => tx.tenants.list(page))) {
    await reviseModels(await tx.enter(id), `${why} of the platform`, stamp);
  }
  await tx.enter(home.id);
}

function toldOf(policy: StoredPolicy | undefined): unknown {
  const { mode, rule, match, at } = policy?.spec ?? {};
  return mode === "enforce" && rule && TOLD.has(rule.name) ? [rule.name, rule.value, match ?? null, at] : null;
}

function prefixed<T extends { readonly path: string }>(issue: T | undefined, prefix: string): T | undefined {
  return issue && { ...issue, path: `${prefix}${issue.path}` };
}
