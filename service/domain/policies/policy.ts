import type { PolicyId, PolicyMode, PolicySpec, ProjectId, Tenant, TenantId } from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../resource.ts";
import { ruleIssue } from "./rules.ts";

export interface StoredPolicy extends StoredResource {
  readonly id: PolicyId;
  readonly tenantId: TenantId;
  readonly spec: PolicySpec;
  /** Where it holds: it goes with its project. */
  readonly projectId: ProjectId | undefined;
}

/** A policy as instances of a tenant are judged by it, wherever it is written. */
export interface Policy {
  readonly name: string;
  readonly mode: PolicyMode;
  /** Whose it is: `tenant 'a'`. */
  readonly owner: string;
  /** Who may change it. */
  readonly keeper: string;
  readonly rule?: { readonly name: string; readonly value: string } | undefined;
  readonly expression?: string | undefined;
  readonly message?: string | undefined;
  /** The instances that it is about; all when absent. */
  readonly projectId?: ProjectId | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

const PLATFORM_KEEPER = "a platform administrator";

/** What a tenant's instances have to comply with: what its own specification says, and the policies that hold for it. */
export function policiesOf(
  tenant: { readonly name: string; readonly spec: Pick<Tenant["spec"], "policies"> },
  stored: readonly StoredPolicy[],
) {
  const owner = `tenant '${tenant.name}'`;
  const own = tenant.spec.policies.map((rule): Policy => ({ name: rule.name, mode: "enforce", owner, keeper: PLATFORM_KEEPER, rule }));
  const about = stored.filter(({ spec }) => spec.maintenance === undefined && (spec.match?.tenants?.includes(tenant.name) ?? true));
  return [...own, ...about.map((policy) => inForce(policy, owner))];
}

function inForce({ name, spec, projectId }: StoredPolicy, tenant: string): Policy {
  const { mode, at, rule, expression, message, match } = spec;
  const isOfPlatform = at === "platform";
  const owner = isOfPlatform ? "the platform" : typeof at === "string" ? tenant : `project '${at.project}' of ${tenant}`;
  const keeper = isOfPlatform ? PLATFORM_KEEPER : `an administrator of ${tenant}`;
  return { name, mode, owner, keeper, rule, expression, message, projectId, labels: match?.labels };
}

/** Whether an instance is among those that a policy is about. */
export function isAbout(
  { projectId, labels = {} }: Policy,
  instance: { readonly projectId: ProjectId; readonly labels: Readonly<Record<string, string>> },
): boolean {
  return (
    (projectId === undefined || projectId === instance.projectId) &&
    Object.entries(labels).every(([key, value]) => instance.labels[key] === value)
  );
}

/** Names those of a tenant's specification that can't be evaluated, with the reason. */
export function policyIssues(policies: readonly { readonly name: string; readonly value: string }[]) {
  return policies.flatMap((policy, index) => {
    const issue = ruleIssue(policy);
    return issue ? [{ ...issue, path: `spec.policies[${index}].${issue.path}` }] : [];
  });
}
