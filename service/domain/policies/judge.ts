import { API_VERSION, type Verdict } from "../../../sdk/contract/index.ts";
import { faultsOf, toCel } from "./expression.ts";
import type { Policy } from "./policy.ts";
import { type Fault, judgeRule, type PolicySubject } from "./rules.ts";

/** An instance as policies see it: its manifest as it is resolved, secrets masked. */
export interface Judged extends PolicySubject {
  readonly tenant: string;
  readonly project: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What a policy says of an instance. */
export interface Judgement {
  readonly policy: Policy;
  /** Undefined where the instance complies. */
  readonly fault: Fault | undefined;
}

/** One judgement per policy: the same code for what is written, previewed and asked about. */
export function judgePolicies(policies: readonly Policy[], judged: Judged): Judgement[] {
  const faults = expressionFaults(policies, judged);
  return policies.map((policy) => ({ policy, fault: policy.rule ? judgeRule(policy.rule, judged) : faults.get(policy) }));
}

function expressionFaults(policies: readonly Policy[], judged: Judged): ReadonlyMap<Policy, Fault | undefined> {
  const those = policies.filter(({ expression }) => expression !== undefined);
  if (those.length === 0) {
    return new Map();
  }
  const { name, tenant, project, cluster, labels, annotations, spec, version, models, skills } = judged;
  const texts = those.map(({ expression = "" }) => expression);
  const object = {
    apiVersion: API_VERSION,
    kind: "ClawInstance",
    metadata: { name, namespace: tenant, labels, annotations },
    spec: { ...spec, version },
  };
  const variables = { tenant, project, cluster, models: models.map(({ model }) => model), skills: skills.map(({ skill }) => skill) };
  const faults = faultsOf(texts, { object: toCel(object), variables: toCel(variables) });
  return new Map(those.map((policy, index) => [policy, faultOf(policy, faults[index])]));
}

const SHOWN_MAX = 200;

function faultOf({ expression = "", message }: Policy, why: string | undefined): Fault | undefined {
  if (why === undefined) {
    return undefined;
  }
  const text = expression.length > SHOWN_MAX ? `${expression.slice(0, SHOWN_MAX)}…` : expression;
  const isFalse = why === "is not true";
  return {
    path: "spec",
    message: isFalse && message !== undefined ? message : `${message === undefined ? "" : `${message}: `}'${text}' ${why}`,
  };
}

/** Two of one instance that say the same. */
export function isSame(one: Judgement, other: Judgement): boolean {
  return one.policy.name === other.policy.name && one.policy.owner === other.policy.owner && one.fault?.message === other.fault?.message;
}

/** @param isExcused it was like this before, and what is written does not ask for it */
export function verdictOf({ policy, fault }: Judgement, instance: string, isExcused: boolean): Verdict {
  const { name, mode, owner, keeper } = policy;
  if (!fault) {
    return { kind: "policy", name, allowed: true, message: `instance '${instance}' complies with '${name}'` };
  }
  const message = `instance '${instance}': ${fault.message} (policy '${name}' of ${owner})`;
  const fix = `change ${fault.path}, or ask ${keeper} to change the policy`;
  return { kind: "policy", name, allowed: mode !== "enforce" || isExcused, violated: mode, message: `${message}; ${fix}`, fix };
}
