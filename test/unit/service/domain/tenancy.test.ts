import { describe, it } from "vitest";
import { InstanceSpecSchema } from "../../../../sdk/contract/index.ts";
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
        fix: "free some, or ask a platform administrator to raise the quota",
      },
    ]);
  });

  it("lets an instance be made smaller or stopped in a tenant that is over its quota", ({ expect }) => {
    const big = demandOf([spec({ resources: { cpu: "4" } })]);
    const small = demandOf([spec({ resources: { cpu: "2" } })]);
    expect(judgeQuota({ cpu: "1" }, small, { before: big, after: small }, "tenant 'a'")[0]?.allowed).toBe(true);
  });
});
