import { describe, it } from "vitest";
import { adoptionOf, instanceUrns } from "../../components/claw-instance/runtimes.ts";
import type { Drift, PropertyDiff } from "../../sdk/contract/index.ts";
import { anEcho } from "../support/builders/manifests.ts";
import { aResolvedInstance } from "../support/builders/resolved-instance.ts";

const { spec } = anEcho("web");
const pod = { tenant: "acme", target: aTarget("kubernetes"), instances: [aResolvedInstance("web")] };
const host = { tenant: "acme", target: aTarget("process"), instances: [aResolvedInstance("web")] };
const CONTAINER = "spec.template.spec.containers[claw]";

function aTarget(runtime: "kubernetes" | "process") {
  // Only what names resources is looked at.
  return { runtime, cluster: "eu-1", networkPolicy: { enabled: true } } as never;
}

/** What became of a resource of the instance, known by how its name ends. */
function aDrift(suffix: string, changes: Readonly<Record<string, unknown>>, stack = pod): Drift {
  const { declared, undeclared } = instanceUrns(stack, { name: "web" });
  const urn = [...declared, ...undeclared].find((each) => each.endsWith(`::web-${suffix}`)) ?? "";
  const diffs = Object.entries(changes).map(([path, after]): PropertyDiff => ({ path, kind: "update", after: JSON.stringify(after) }));
  return { urn, resource: suffix, op: "changed", diffs, detectedAt: "2026-01-01T00:00:00.000Z" };
}

describe("what somebody changed, as a specification", () => {
  const both = (resource: string, value: string) => ({
    [`${CONTAINER}.resources.requests.${resource}`]: value,
    [`${CONTAINER}.resources.limits.${resource}`]: value,
  });
  it.for([
    {
      what: "a scale to zero",
      drift: aDrift("claw", { "spec.replicas": 0 }),
      after: { ...spec, running: false },
      adopted: ["spec.running"],
    },
    {
      what: "the claw's resources",
      drift: aDrift("claw", { ...both("cpu", "2"), ...both("memory", "3Gi") }),
      after: { ...spec, resources: { cpu: "2", memory: "3Gi" } },
      adopted: ["spec.resources.cpu", "spec.resources.memory"],
    },
    {
      what: "the size of its data",
      drift: aDrift("data", { "spec.resources.requests.storage": "20Gi" }),
      after: { ...spec, storage: { ...spec.storage, size: "20Gi" } },
      adopted: ["spec.storage.size"],
    },
  ])("has a place: $what", ({ drift, after, adopted }, { expect }) => {
    expect(adoptionOf("kubernetes", spec, drift)).toEqual({ spec: after, adopted, reasons: [] });
    // As it is declared then, there is nothing more to adopt.
    expect(adoptionOf("kubernetes", after, drift)).toEqual({ spec: after, adopted: [], reasons: [] });
  });

  it.for([
    { what: "more pods than one", drift: aDrift("claw", { "spec.replicas": 3 }), reason: /one pod or none, not 3/ },
    { what: "a limit alone", drift: aDrift("claw", { [`${CONTAINER}.resources.limits.cpu`]: "2" }), reason: /change both alike/ },
    { what: "an image", drift: aDrift("claw", { [`${CONTAINER}.image`]: "other" }), reason: /containers\[claw\]\.image: .*no place/ },
    { what: "the size of its config", drift: aDrift("config", { "spec.resources.requests.storage": "1Gi" }), reason: /no place/ },
    { what: "a Service", drift: aDrift("service", { "spec.type": "NodePort" }), reason: /spec\.type: .*no place/ },
    { what: "a deletion", drift: { ...aDrift("service", {}), op: "deleted" as const }, reason: /destroy the instance/ },
    {
      what: "a config file",
      runtime: "process" as const,
      drift: aDrift("files", { 'files["config.json"]': "{}" }, host),
      reason: /spec\.config\.overrides/,
    },
  ])("has none, and says why: $what", ({ runtime, drift, reason }, { expect }) => {
    expect(drift.urn).not.toBe("");
    expect(adoptionOf(runtime ?? "kubernetes", spec, drift)).toEqual({ spec, adopted: [], reasons: [expect.stringMatching(reason)] });
  });
});
