import { type InstanceSpec, unknownKeyFix, type Verdict } from "../../../sdk/contract/index.ts";

/** The access policies that are understood, with what they read: anything else is refused when a tenant is written. */
const POLICIES: Readonly<Record<string, (value: string, subject: PolicySubject) => string | undefined>> = {
  "max-replicas": (value, { spec }) =>
    spec.replicas > Number(value) ? `spec.replicas is ${spec.replicas}, at most ${value} are allowed` : undefined,
  "allowed-types": (value, { spec }) => refuseUnlisted("spec.type", value, spec.type),
  "allowed-versions": (value, { version }) => refuseUnlisted("spec.version", value, version),
  "allowed-models": (value, { models }) => {
    const refused = models.find(({ model }) => !listOf(value).some((item) => isModel(item, model)));
    return refused && unlisted(refused.path, value, refused.model);
  },
};

/** What policies are evaluated on. */
export interface PolicySubject {
  readonly name: string;
  readonly spec: InstanceSpec;
  /** The effective software version. */
  readonly version: string;
  /** The models that the rendered configuration names, and the keys that name them. */
  readonly models: readonly { readonly path: string; readonly model: string }[];
}

export interface Policy {
  readonly name: string;
  readonly value: string;
}

/** What the policies allow of models; undefined where none is about them. */
export function allowedModels(
  policies: readonly Policy[],
): { readonly items: readonly string[]; isAllowed(model: string): boolean } | undefined {
  const lists = policies.filter(({ name }) => name === "allowed-models").map(({ value }) => listOf(value));
  const isAllowed = (model: string) => lists.every((list) => list.some((item) => isModel(item, model)));
  const items = lists.flat().filter((item) => item !== "" && isAllowed(item));
  return lists.length === 0 ? undefined : { items, isAllowed };
}

/** Names the policies that can't be evaluated, with the reason. */
export function policyIssues(policies: readonly Policy[]): { path: string; message: string; fix: string }[] {
  return policies.flatMap((policy, index) => {
    if (!Object.hasOwn(POLICIES, policy.name)) {
      const fix = unknownKeyFix(policy.name, Object.keys(POLICIES));
      return [{ path: `spec.policies[${index}].name`, message: `unknown policy '${policy.name}'`, fix }];
    }
    if (policy.name === "max-replicas" && !/^\d+$/.test(policy.value)) {
      return [
        {
          path: `spec.policies[${index}].value`,
          message: `'${policy.value}' is not a number`,
          fix: "give a whole number such as '3'",
        },
      ];
    }
    return [];
  });
}

/** One verdict per policy. */
export function judgePolicies(policies: readonly Policy[], subject: PolicySubject, tenant: string): Verdict[] {
  return policies.map(({ name, value }) => {
    const refusal = POLICIES[name]?.(value, subject);
    const message = refusal
      ? `instance '${subject.name}': ${refusal} by policy '${name}' of tenant '${tenant}'; ask a platform administrator to change it`
      : `instance '${subject.name}' complies with '${name}'`;
    return { kind: "policy" as const, name, allowed: refusal === undefined, message };
  });
}

function refuseUnlisted(field: string, list: string, value: string): string | undefined {
  return listOf(list).some((item) => item.toLowerCase() === value.toLowerCase()) ? undefined : unlisted(field, list, value);
}

function unlisted(field: string, list: string, value: string): string {
  return `${field} is '${value}', allowed are ${listOf(list).join(", ")}`;
}

function listOf(list: string): string[] {
  return list.split(",").map((item) => item.trim());
}

/** Whether a policy's item means a model: `provider/*` means all of a provider's, a name without its provider that model of anybody's. */
function isModel(item: string, model: string): boolean {
  const [wanted, full] = [item.toLowerCase(), model.toLowerCase()];
  const names = [full, full.slice(full.indexOf("/") + 1), full.slice(full.lastIndexOf("/") + 1)];
  return wanted.endsWith("/*") ? full.startsWith(wanted.slice(0, -1)) : names.includes(wanted);
}
