import { describe, it } from "vitest";
import { InstanceSpecSchema, POLICY_RULES } from "../../../../sdk/contract/index.ts";
import { expressionIssue } from "../../../../service/domain/policies/expression.ts";
import { type Judged, judgePolicies, verdictOf } from "../../../../service/domain/policies/judge.ts";
import { type Policy, policyIssues } from "../../../../service/domain/policies/policy.ts";

const spec = (over: object) => InstanceSpecSchema.parse({ type: "OpenClaw", ...over });
const open = { enabled: true, allowedEgress: ["10.1.0.0/16"] };
const subject: Judged = {
  name: "x",
  tenant: "acme",
  project: "web",
  labels: { team: "red", env: "prod" },
  annotations: {},
  spec: spec({
    replicas: 4,
    resources: { cpu: "1500m", memory: "4Gi" },
    network: { port: 9000 },
    config: { overrides: [{ key: "model.name", value: "openai/gpt-5" }] },
  }),
  version: "2026.9.6",
  models: [{ path: "model.name", model: "openai/gpt-5" }],
  skills: [{ path: "skills.github-issues", skill: "github-issues" }],
  cluster: "east",
  network: open,
};
const policy = (over: Partial<Policy>): Policy => ({
  name: "p",
  mode: "enforce",
  owner: "tenant 'acme'",
  keeper: "an administrator of tenant 'acme'",
  ...over,
});
const faultOf = (over: Partial<Policy>, on: Partial<Judged> = {}) => judgePolicies([policy(over)], { ...subject, ...on })[0]?.fault;

const RULES: readonly (readonly [name: string, value: string, message: string | undefined, on?: Partial<Judged>])[] = [
  ["max-replicas", "3", "spec.replicas is 4, at most 3 are allowed"],
  ["max-replicas", "4", undefined],
  ["allowed-types", "openclaw, echo", undefined],
  ["allowed-types", "Echo", "spec.type is 'OpenClaw', allowed are Echo"],
  ["allowed-versions", "1.0.0", "spec.version is '2026.9.6', allowed are 1.0.0"],
  ["allowed-models", "claude-3-opus", "model.name is 'openai/gpt-5', allowed are claude-3-opus"],
  ["allowed-models", "gpt-5", undefined],
  ["allowed-models", "OpenAI/gpt-5", undefined],
  ["allowed-models", "openrouter/gpt-5", "model.name is 'openai/gpt-5', allowed are openrouter/gpt-5"],
  ["allowed-models", "openai/*", undefined],
  ["allowed-models", "open/*", "model.name is 'openai/gpt-5', allowed are open/*"],
  ["allowed-skills", "github-*", undefined],
  ["allowed-skills", "weather", "skills.github-issues is 'github-issues', allowed are weather"],
  ["max-resources", "cpu=2, memory=4Gi", undefined],
  ["max-resources", "cpu=1, memory=4Gi", "spec.resources.cpu is 1500m, at most 1 is allowed"],
  ["max-resources", "storage=1Gi", "spec.storage.size is 10Gi, at most 1Gi are allowed"],
  ["exposed-ports", "8000-9000", undefined],
  ["exposed-ports", "8080, 9001", "spec.network.port is '9000', allowed are 8080, 9001"],
  ["exposed-ports", "none", undefined],
  [
    "exposed-ports",
    "none",
    "spec.network.expose is true, no instance may be reached from outside",
    { spec: spec({ network: { expose: true } }) },
  ],
  [
    "exposed-ports",
    "443",
    "spec.network.port is not set, and an instance that is exposed names one of 443",
    { spec: spec({ network: { expose: true } }) },
  ],
  ["require-network-policy", "true", undefined],
  [
    "require-network-policy",
    "true",
    "it is on 'local', which keeps instances apart by no network policies",
    { cluster: "local", network: undefined },
  ],
  ["allowed-egress", "10.0.0.0/8", undefined],
  [
    "allowed-egress",
    "10.1.128.0/17, 2001:db8::/32",
    "it is on 'east', from where it reaches 10.1.0.0/16, allowed is 10.1.128.0/17, 2001:db8::/32",
  ],
  ["allowed-egress", "none", "it is on 'east', from where it reaches 10.1.0.0/16, allowed is none"],
  ["allowed-egress", "2001:db8::/32", undefined, { network: { enabled: true, allowedEgress: ["2001:db8:1::/48"] } }],
  [
    "allowed-egress",
    "10.0.0.0/8",
    "it is on 'east', from where it reaches everything, allowed is 10.0.0.0/8",
    { network: { enabled: false, allowedEgress: [] } },
  ],
  ["required-labels", "team, env=prod|dev", undefined],
  ["required-labels", "owner", "it has no label 'owner'"],
  ["required-labels", "env=dev", "the label 'env' is 'prod', allowed are dev"],
];

describe("the rules that are there ready", () => {
  it.for(RULES)("%s: %s", ([name, value, message, on], { expect }) => {
    expect(faultOf({ rule: { name, value } }, on)?.message).toBe(message);
  });

  it("are each tried above, and refused with a value that they can't read", ({ expect }) => {
    expect([...new Set(RULES.map(([name]) => name))].sort()).toEqual([...POLICY_RULES].sort());
    const wrong = {
      "max-replicas": "many",
      "max-resources": "cpu=lots",
      "exposed-ports": "0",
      "require-network-policy": "no",
      "allowed-egress": "10.0.0.0/33",
      "required-labels": "-a",
    };
    const issues = policyIssues([{ name: "max-replica", value: "3" }, ...Object.entries(wrong).map(([name, value]) => ({ name, value }))]);
    expect(issues.map(({ path }) => path)).toEqual([
      "spec.policies[0].name",
      ...Object.keys(wrong).map((_, index) => `spec.policies[${index + 1}].value`),
    ]);
    expect(issues.every(({ fix }) => fix !== "")).toBe(true);
  });

  it("say policy, value, limit, whose it is and who may change it", ({ expect }) => {
    const [judgement] = judgePolicies([policy({ name: "small", rule: { name: "max-replicas", value: "3" } })], subject);
    expect(judgement && verdictOf(judgement, "x", false)).toEqual({
      kind: "policy",
      name: "small",
      allowed: false,
      violated: "enforce",
      message:
        "instance 'x': spec.replicas is 4, at most 3 are allowed (policy 'small' of tenant 'acme'); change spec.replicas, or ask an administrator of tenant 'acme' to change the policy",
      fix: "change spec.replicas, or ask an administrator of tenant 'acme' to change the policy",
    });
  });
});

describe("expressions", () => {
  it.for([
    ["object.spec.replicas <= 4", true],
    ["object.spec.replicas < 4", false],
    ["object.spec.version.startsWith('2026.')", true],
    ["has(object.spec.placement)", false],
    ["has(object.metadata.labels.team) && object.metadata.labels.team in ['red', 'blue']", true],
    ["object.metadata.labels['owner'] == 'me'", false],
    ["object.spec.config.overrides.all(o, o.key != 'native' && !o.key.startsWith('native.'))", true],
    ["object.metadata.name.matches('^[a-z]+$')", true],
    ["variables.models.all(m, m.startsWith('openai/'))", true],
    ["variables.cluster != 'local' && variables.project == 'web'", true],
  ] as const)("%s is %s", ([expression, isTrue], { expect }) => {
    expect(faultOf({ expression }) === undefined).toBe(isTrue);
  });

  it.for([
    ["object.spec.replica <= 3", "No such key: replica, at line 1, column 13"],
    ["object.spec.replicas <=\n  'three'", "no such overload: int <= string, at line 1, column 1"],
    ["object.spec.replicas", "comes to int, not to true or false"],
    ["true && has(object.spec.placment)", "No such key: placment, at line 1, column 25"],
    ["has(object.metadata.lables.team)", "No such key: lables, at line 1, column 21"],
    ["1 +", "Unexpected token: EOF, at line 1, column 4"],
    ["secrets.all == 1", "Unknown variable: secrets, at line 1, column 1"],
    ["[1].all(a, [1].all(b, [1].all(c, a == b)))", "has more than 2 loops inside one another, at line 1, column 23"],
    ["object.metadata.name.matches('(?=a)b')", "has a pattern that can't be matched everywhere alike, at line 1, column 1"],
    ["cel.bind(a, 1, a < 2)", "uses cel.bind, which Kubernetes' policies don't have, at line 1, column 1"],
    [`${"1 + ".repeat(21)}1 == 2`, "adds more than 20 times, at line 1, column 1"],
    [`${"true && ".repeat(600)}true`, "Exceeded maxAstNodes (500), at line 1, column 1"],
  ] as const)("refuse %s with the place", ([expression, message], { expect }) => {
    expect(expressionIssue(expression)?.message).toBe(message);
  });

  it("hold nobody up for longer than one may take, however many never end", ({ expect }) => {
    const overrides = Array.from({ length: 1000 }, (_, index) => ({ key: `a${index}`, value: `${"a".repeat(200)}!` }));
    const large = { ...subject, spec: spec({ config: { overrides } }) };
    const endless = [
      "object.spec.config.overrides.all(a, object.spec.config.overrides.all(b, a.key + b.key != 'x'))",
      "object.spec.config.overrides.exists(a, a.value.matches('^(a+)+$'))",
      "object.spec.config.overrides.map(a, object.spec.config.overrides.map(b, a.value + b.value)).size() == 0",
    ].map((expression) => policy({ expression }));
    const startedAt = performance.now();
    const faults = [1, 2, 3].flatMap(() => judgePolicies(endless, large).map(({ fault }) => fault?.message));
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(faults.every((fault) => fault?.includes("more than 50 ms"))).toBe(true);
  });

  it("tell their message, or themselves, where they are not true", ({ expect }) => {
    expect(faultOf({ expression: "object.spec.replicas < 3", message: "two are enough" })?.message).toBe("two are enough");
    expect(faultOf({ expression: "object.spec.replicas < 3" })?.message).toBe("'object.spec.replicas < 3' is not true");
    expect(faultOf({ expression: "object.metadata.labels.owner == 'me'", message: "owner" })?.message).toBe(
      "owner: 'object.metadata.labels.owner == 'me'' can't be evaluated: No such key: owner",
    );
  });
});
