import { describe, it } from "vitest";
import { InstanceSpecSchema } from "../../../../sdk/contract/index.ts";
import { judgePolicies, policyIssues } from "../../../../service/domain/tenancy/policy.ts";
import { demandOf, judgeQuota } from "../../../../service/domain/tenancy/quota.ts";

const spec = (over: object) => InstanceSpecSchema.parse({ type: "OpenClaw", ...over });
const none = demandOf([]);

describe("quota", () => {
  it("adds up replicas, cores and bytes", ({ expect }) => {
    const specs = [
      spec({ replicas: 2, resources: { cpu: "500m", memory: "1Gi" }, storage: { size: "1Gi" } }),
      spec({ resources: { cpu: "2", memory: "512Mi" }, storage: { size: "2Gi" } }),
    ];
    expect(demandOf(specs)).toEqual({ instances: 2, cpu: 3, memoryBytes: 2.5 * 2 ** 30, storageBytes: 4 * 2 ** 30 });
  });

  it("allows the last place and refuses the one after it, saying how to ask for more", ({ expect }) => {
    const one = demandOf([spec({})]);
    const allowed = judgeQuota({ instances: 1 }, one, { before: none, after: one }, "tenant 'a'");
    const refused = judgeQuota({ instances: 1 }, { ...one, instances: 2 }, { before: none, after: one }, "tenant 'a'");
    expect(allowed[0]?.allowed).toBe(true);
    expect(refused).toEqual([
      {
        kind: "quota",
        name: "instances",
        allowed: false,
        message: "tenant 'a' would use 2 of 1 instances; free some, or ask a platform administrator to raise the quota",
      },
    ]);
  });

  it("lets an instance be made smaller or stopped in a tenant that is over its quota", ({ expect }) => {
    const big = demandOf([spec({ resources: { cpu: "4" } })]);
    const small = demandOf([spec({ resources: { cpu: "2" } })]);
    expect(judgeQuota({ cpu: "1" }, small, { before: big, after: small }, "tenant 'a'")[0]?.allowed).toBe(true);
  });
});

describe("policies", () => {
  const subject = { name: "x", spec: spec({ replicas: 4 }), version: "2026.9.6", models: [{ path: "model.name", model: "openai/gpt-5" }] };

  it.for([
    { policy: { name: "max-replicas", value: "3" }, allowed: false },
    { policy: { name: "max-replicas", value: "4" }, allowed: true },
    { policy: { name: "allowed-types", value: "openclaw, echo" }, allowed: true },
    { policy: { name: "allowed-versions", value: "1.0.0" }, allowed: false },
    { policy: { name: "allowed-models", value: "claude-3-opus" }, allowed: false },
    { policy: { name: "allowed-models", value: "gpt-5" }, allowed: true },
    { policy: { name: "allowed-models", value: "OpenAI/gpt-5" }, allowed: true },
    { policy: { name: "allowed-models", value: "openrouter/gpt-5" }, allowed: false },
    { policy: { name: "allowed-models", value: "openai/*" }, allowed: true },
    { policy: { name: "allowed-models", value: "open/*" }, allowed: false },
  ])("judges $policy.name=$policy.value as allowed=$allowed", ({ policy, allowed }, { expect }) => {
    const [verdict] = judgePolicies([policy], subject, "a");
    expect(verdict?.allowed).toBe(allowed);
    expect(verdict?.message).toContain(policy.name);
  });

  it("refuses a policy that it can't evaluate", ({ expect }) => {
    expect(
      policyIssues([
        { name: "max-replica", value: "3" },
        { name: "max-replicas", value: "many" },
      ]).map((issue) => issue.path),
    ).toEqual(["spec.policies[0].name", "spec.policies[1].value"]);
  });
});
