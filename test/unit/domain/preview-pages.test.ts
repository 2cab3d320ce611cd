import { describe, it } from "vitest";
import { PAGE_BYTES, pagesOf, shownBoundaries, shownVerdicts, summaryOf } from "../../../service/domain/preview-pages.ts";
import { aPreviewItem } from "../../support/builders/resources.ts";

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const aDiff = (after: string) => ({ path: "spec.base", kind: "add" as const, after });

describe("the pages of a preview", () => {
  it("hold every change once and in order, and none is larger than the bound", ({ expect }) => {
    const items = Array.from({ length: 300 }, (_, index) => aPreviewItem({ name: `web-${index}`, diffs: [aDiff("ü".repeat(index * 20))] }));
    const pages = pagesOf(items);
    expect(pages.flatMap((page) => page.items)).toEqual(items);
    expect(pages.length).toBeGreaterThan(5);
    expect(pages.map(({ nextCursor }) => nextCursor)).toEqual([...pages.keys()].map((page) => [...pages.keys()][page + 1]?.toString()));
    expect(Math.max(...pages.map((page) => bytesOf(page.items)))).toBeLessThanOrEqual(PAGE_BYTES + 1000);
  });

  it("of nothing are one without changes", ({ expect }) => {
    expect(pagesOf([])).toEqual([{ items: [] }]);
  });

  it.for([
    { name: "one long text", item: { files: [{ path: "a.json", diff: "+x\n".repeat(500_000) }] } },
    { name: "text that JSON makes six times as long", item: { files: [{ path: "a.json", diff: "\u0001".repeat(200_000) }] } },
    { name: "many differences", item: { diffs: Array.from({ length: 50_000 }, (_, index) => aDiff(`"${index}"`)) } },
  ])("cut a change that is too large alone and say so: $name", ({ item }, { expect }) => {
    const [page] = pagesOf([aPreviewItem(item)]);
    const [shown] = page.items;
    expect(shown?.cut).toMatch(/too large to be shown whole/);
    expect(bytesOf(shown)).toBeLessThanOrEqual(PAGE_BYTES);
    expect(bytesOf(shown)).toBeGreaterThan(PAGE_BYTES / 100);
    expect(pagesOf([aPreviewItem()])[0].items[0]).not.toHaveProperty("cut");
  });
});

describe("the lists beside them", () => {
  it("begin with refusals and with boundaries that change, end where there is no more room, and are counted whole", ({ expect }) => {
    const verdicts = Array.from({ length: 5000 }, (_, index) => ({
      ...{ kind: "policy" as const, name: "allowed-types", message: `instance ${index}`, allowed: index !== 4999 },
    }));
    const resource = { urn: "u".repeat(200), type: "t", name: "n", diffs: [] };
    const boundaries = Array.from({ length: 2000 }, (_, index) => ({
      ...{ tenant: `tenant-${index}`, cluster: "eu-1" },
      resources: [{ ...resource, op: index === 1999 ? ("update" as const) : ("same" as const) }],
    }));
    expect(shownVerdicts(verdicts)[0]?.message).toBe("instance 4999");
    expect(shownBoundaries(boundaries)[0]?.tenant).toBe("tenant-1999");
    expect(bytesOf([shownVerdicts(verdicts), shownBoundaries(boundaries)])).toBeLessThan(400_000);
    const problem = { path: "spec", message: "m", blocking: false };
    expect(summaryOf([aPreviewItem({ op: "same", problems: [problem] }), aPreviewItem()], boundaries, verdicts)).toEqual({
      ...{ create: 0, update: 1, replace: 0, delete: 0, same: 1999 },
      items: { create: 1, update: 0, delete: 0, same: 1 },
      ...{ boundaries: 2000, verdicts: 5000, problems: 1, unchecked: 0 },
    });
  });
});
