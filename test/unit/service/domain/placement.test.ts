import { describe, it } from "vitest";
import { PlacementSchema } from "../../../../sdk/contract/index.ts";
import { namespaceOf } from "../../../../service/domain/clusters/cluster.ts";
import { type Candidate, mayStay, place } from "../../../../service/domain/clusters/placement.ts";
import { aCluster } from "../../../support/builders/cluster.ts";

const GIBIBYTE = 2 ** 30;
const demand = { type: "Echo", bringsImage: false, cpu: 1, memoryBytes: 2 * GIBIBYTE };
const candidate = (
  name: string,
  over: Parameters<typeof aCluster>[0] = {},
  allocated: Partial<Candidate["allocated"]> = {},
): Candidate => ({
  cluster: aCluster({ name, ...over }),
  allocated: { instances: 0, cpu: 0, memoryBytes: 0, ...allocated },
});
const eu = { labels: { region: "eu" } };
const inEurope = PlacementSchema.parse({ selector: { region: "eu" } });
const room = (cpu: number, over: object = {}) => ({
  ...eu,
  state: { reachable: true, measured: { instances: 110, cpu, memoryBytes: 64 * GIBIBYTE } },
  ...over,
});

describe("placement", () => {
  it("is the control plane's host when no cluster is asked for, or it is", ({ expect }) => {
    expect(place(undefined, demand, [candidate("a")])).toMatchObject({ cluster: "local" });
    expect(place(PlacementSchema.parse({ cluster: "local" }), demand, [])).toMatchObject({ cluster: "local" });
  });

  it("takes the cluster that is named, reachable or not, as long as it is open and has room", ({ expect }) => {
    const named = PlacementSchema.parse({ cluster: "a" });
    expect(place(named, demand, [candidate("a", { state: { reachable: false } })])).toMatchObject({ cluster: "a" });
    expect(place(named, demand, [])).toEqual({ cluster: undefined, refusals: [{ cluster: "a", reason: "there is no such cluster" }] });
    const closed = place(named, demand, [candidate("a", { spec: { unschedulable: true } })]);
    expect(closed).toMatchObject({ refusals: [{ reason: "it takes no new instances (spec.unschedulable)" }] });
    const full = place(named, demand, [candidate("a", { spec: { capacity: { cpu: "4" } } }, { cpu: 3.5 })]);
    expect(full).toEqual({ cluster: undefined, refusals: [{ cluster: "a", reason: "3.5 of 4 cores are taken, 1 more don't fit" }] });
  });

  it("takes, of the clusters that match, the one that stays emptiest; names break ties", ({ expect }) => {
    const clusters = [
      candidate("b", room(8), { cpu: 4 }),
      candidate("c", room(16), { cpu: 4 }),
      candidate("us", { labels: { region: "us" } }),
    ];
    expect(place(inEurope, demand, clusters)).toEqual({ cluster: "c", reason: "emptiest of 2 clusters that match" });
    expect(place(inEurope, demand, [candidate("z", room(8)), candidate("a", room(8))])).toMatchObject({ cluster: "a" });
  });

  it("counts what is declared before what was measured", ({ expect }) => {
    const declared = candidate("a", room(64, { spec: { capacity: { instances: 2 } } }), { instances: 2 });
    expect(place(inEurope, demand, [declared])).toEqual({
      cluster: undefined,
      refusals: [{ cluster: "a", reason: "2 of 2 instances are taken, 1 more don't fit" }],
    });
  });

  it("says of each cluster why it can't take the instance", ({ expect }) => {
    const clusters = [
      candidate("us", { labels: { region: "us" } }),
      candidate("down", { ...eu, state: { reachable: false } }),
      candidate("closed", { ...eu, spec: { unschedulable: true } }),
      candidate("gpu", { ...eu, spec: { taints: [{ key: "gpu", value: "a100" }] } }),
      candidate("imageless", { ...eu, spec: { images: { agent: "agent:1", claws: {}, pullPolicy: "Never", pullSecrets: [] } } }),
      candidate("small", room(0.5)),
    ];
    const decision = place(inEurope, demand, clusters);
    expect(decision).toEqual({
      cluster: undefined,
      refusals: [
        { cluster: "us", reason: "its labels don't match region=eu" },
        { cluster: "down", reason: "it is not reachable: claw clusters get down" },
        { cluster: "closed", reason: "it takes no new instances (spec.unschedulable)" },
        { cluster: "gpu", reason: "it has the taint gpu=a100, which the placement does not tolerate" },
        {
          cluster: "imageless",
          reason: "it has no image for claws of type 'Echo': set spec.images.claws.Echo of cluster 'imageless'",
        },
        { cluster: "small", reason: "0 of 0.5 cores are taken, 1 more don't fit" },
      ],
    });
    const tolerant = { ...inEurope, tolerations: [{ key: "gpu" }] };
    expect(place(tolerant, demand, clusters)).toEqual({ cluster: "gpu", reason: "the only cluster that matches and has room" });
  });

  it("lets an instance stay as long as its own placement does not rule its cluster out", ({ expect }) => {
    expect(mayStay(undefined, "a", undefined)).toBe(true);
    expect(mayStay(PlacementSchema.parse({ cluster: "a" }), "a", {})).toBe(true);
    expect(mayStay(PlacementSchema.parse({ cluster: "b" }), "a", {})).toBe(false);
    expect(mayStay(inEurope, "a", { region: "eu" })).toBe(true);
    expect(mayStay(inEurope, "a", { region: "us" })).toBe(false);
    expect(mayStay(inEurope, "local", undefined)).toBe(false);
  });
});

describe("a tenant's namespace", () => {
  it("stays a DNS label, and different tenants never share one", ({ expect }) => {
    expect(namespaceOf({ namespacePrefix: "claw-" }, "acme")).toBe("claw-acme");
    const long = [`${"a".repeat(62)}b`, `${"a".repeat(62)}c`].map((tenant) => namespaceOf({ namespacePrefix: "claw-" }, tenant));
    expect(long.map((name) => name.length)).toEqual([63, 63]);
    expect(new Set(long).size).toBe(2);
  });
});
