import { describe, it } from "vitest";
import type { z } from "zod";
import { issuesOf, ListQuerySchema, ManifestSchema, nearestKey } from "../../../sdk/contract/index.ts";

const told = (schema: z.ZodType, input: unknown) => {
  const result = schema.safeParse(input);
  return result.success ? [] : issuesOf(schema, result.error, input).map(({ path, message, fix }) => `${path}: ${message}; ${fix}`);
};
const manifest = (over: object) => ({
  apiVersion: "clusterclaw.io/v1",
  kind: "ClawInstance",
  metadata: { name: "web" },
  spec: { type: "Echo" },
  ...over,
});

describe("a quantity", () => {
  it("has a bound, and so have sums of many", ({ expect }) => {
    for (const cpu of ["9".repeat(400), "1025Ti", "99999999999999999999", `0.${"1".repeat(40)}`]) {
      expect(told(ManifestSchema, manifest({ spec: { type: "Echo", resources: { cpu } } }))).not.toEqual([]);
    }
    for (const cpu of ["500m", "2", "64Gi", "1024Ti", 1.5]) {
      expect(told(ManifestSchema, manifest({ spec: { type: "Echo", resources: { cpu } } }))).toEqual([]);
    }
  });
});

describe("issuesOf", () => {
  it.for([
    {
      name: "names the key that was meant, where it was meant",
      input: manifest({ spec: { type: "Echo", resources: { mem: "1Gi", cpus: 1 } } }),
      issues: [
        "spec.resources.mem: unknown key 'mem'; remove it; known here: cpu, memory",
        "spec.resources.cpus: unknown key 'cpus'; did you mean 'cpu'?",
      ],
    },
    {
      name: "looks for keys of the kind that is given",
      input: { ...manifest({ spec: { polices: [] } }), kind: "Tenant" },
      issues: ["spec.polices: unknown key 'polices'; did you mean 'policies'?"],
    },
    {
      name: "finds keys within lists",
      input: manifest({ spec: { type: "Echo", config: { overrides: [{ key: "a", valu: 1 }] } } }),
      issues: [
        "spec.config.overrides[0].value: is required; give a value",
        "spec.config.overrides[0].valu: unknown key 'valu'; did you mean 'value'?",
      ],
    },
    {
      name: "names the kind that was meant",
      input: manifest({ kind: "ClawInstanc" }),
      issues: [/^kind: "ClawInstanc" is not one of .*; did you mean 'ClawInstance'\?$/],
    },
    { name: "says what is missing", input: manifest({ spec: {} }), issues: ["spec.type: is required; give a string"] },
    {
      name: "says what is of the wrong type",
      input: manifest({ spec: { type: "Echo", running: "yes", replicas: 5000 } }),
      issues: [
        "spec.replicas: Too big: expected number to be <=1000; give at most 1000",
        "spec.running: expected boolean, received string; give a boolean",
      ],
    },
    {
      name: "takes a union's own words",
      input: manifest({ spec: { type: "Echo", resources: { cpu: true } } }),
      issues: ["spec.resources.cpu: not a quantity such as '500m', '2' or '4Gi'; correct the value"],
    },
    {
      name: "offers the values that there are",
      input: manifest({ spec: { type: "Echo", deletionPolicy: "retian" } }),
      issues: [`spec.deletionPolicy: "retian" is not one of retain, delete; did you mean 'retain'?`],
    },
  ])("$name", ({ input, issues }, { expect }) => {
    expect(told(ManifestSchema, input)).toEqual(issues.map((issue) => (typeof issue === "string" ? issue : expect.stringMatching(issue))));
  });

  it("knows the parameters of a query", ({ expect }) => {
    expect(told(ListQuerySchema, { limt: "5" })).toEqual(["limt: unknown key 'limt'; did you mean 'limit'?"]);
    expect(told(ListQuerySchema, { limit: "many" })).toEqual(["limit: expected number, received NaN; give a number"]);
  });
});

describe("issues of what is wrong all over", () => {
  it("are few, short and found at once", { timeout: 20_000 }, ({ expect }) => {
    const unknown = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`key-${n}`, n]));
    const started = process.cpuUsage();
    for (const input of [
      manifest({ spec: { type: "Echo", ...unknown } }),
      manifest({ spec: { type: "Echo", ["x".repeat(1_000_000)]: 1 } }),
      manifest({ kind: "x".repeat(1_000_000) }),
      manifest({ spec: { type: "Echo", config: { overrides: Array.from({ length: 5_000 }, () => ({})) } } }),
    ]) {
      const issues = told(ManifestSchema, input);
      expect(issues.length).toBeGreaterThan(0);
      expect(issues.length).toBeLessThanOrEqual(100);
      expect(issues.every((issue) => issue.length < 500)).toBe(true);
    }
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(2);
  });
});

describe("nearestKey", () => {
  it("takes a slip of the fingers for what it is, and nothing else", ({ expect }) => {
    expect(nearestKey("replcias", ["replicas", "running"])).toBe("replicas");
    expect(nearestKey("OPENCLAW", ["OpenClaw", "Echo"])).toBe("OpenClaw");
    expect(nearestKey("colour", ["replicas", "running"])).toBeUndefined();
  });
});
