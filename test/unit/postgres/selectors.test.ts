import { describe, it } from "vitest";
import { parseFieldSelector, parseLabelSelector } from "../../../adapters/postgres/selectors.ts";
import { ClawError } from "../../../sdk/contract/index.ts";

describe("parseLabelSelector", () => {
  it("reads every term of Kubernetes' grammar", ({ expect }) => {
    expect(parseLabelSelector("team=red, env != prod,tier in (a, b),zone notin (x),gpu,!spot,a.io/b==1,empty=")).toEqual([
      { key: "team", operator: "in", values: ["red"] },
      { key: "env", operator: "notin", values: ["prod"] },
      { key: "tier", operator: "in", values: ["a", "b"] },
      { key: "zone", operator: "notin", values: ["x"] },
      { key: "gpu", operator: "exists" },
      { key: "spot", operator: "absent" },
      { key: "a.io/b", operator: "in", values: ["1"] },
      { key: "empty", operator: "in", values: [""] },
    ]);
  });

  for (const selector of ["", "team=red,", "tier in a", "tier in (a", "=red", "a=b=c", "tier in (a b)", "x'; drop table", "team = -"]) {
    it(`refuses ${JSON.stringify(selector)} and shows the grammar`, ({ expect }) => {
      const refusal = refusalOf(() => parseLabelSelector(selector));
      expect(refusal).toMatchObject({ code: "request.invalid", issues: [{ path: "labelSelector" }] });
      expect(refusal.message).toContain("tier in (a,b)");
    });
  }
});

describe("parseFieldSelector", () => {
  it("reads equality and its negation", ({ expect }) => {
    expect(parseFieldSelector("status.phase=Running, spec.type!=OpenClaw,metadata.name==a b")).toEqual([
      { field: "status.phase", operator: "=", value: "Running" },
      { field: "spec.type", operator: "!=", value: "OpenClaw" },
      { field: "metadata.name", operator: "=", value: "a b" },
    ]);
  });

  it("refuses what is not a comparison, however long it is", ({ expect }) => {
    // With the third power of its length this takes half a minute, and nobody else is answered.
    const began = performance.now();
    for (const selector of ["status.phase", `status.phase=${" ".repeat(4000)}x\ny`, `${" ".repeat(4000)}\n=`]) {
      expect(refusalOf(() => parseFieldSelector(selector))).toMatchObject({ code: "request.invalid" });
    }
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

function refusalOf(parse: () => unknown): ClawError {
  try {
    parse();
  } catch (error) {
    if (error instanceof ClawError) {
      return error;
    }
    throw error;
  }
  throw new Error("it was not refused");
}
