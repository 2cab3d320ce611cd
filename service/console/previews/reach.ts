import type { ClawInstance, PreviewItem } from "../../../sdk/contract/index.ts";

/** The label that says how soon an instance gets what is new. */
export const RING = "ring";

/** By what it is told whom a change reaches. */
export const FACETS = ["effect", "tenant", "cluster", "ring"] as const;
export type Facet = (typeof FACETS)[number];

export function facetOf(
  facet: Facet,
  item: Pick<PreviewItem, "effect" | "tenant" | "placement">,
  ring: string | undefined,
): string | undefined {
  switch (facet) {
    case "effect":
      return item.effect;
    case "tenant":
      return item.tenant;
    case "cluster":
      return item.placement?.cluster;
    case "ring":
      return ring;
  }
}

/** How many instances of each value a change reaches, most first; of what has one value alone, but for what happens, there is nothing to tell. */
export function reachOf(
  items: readonly PreviewItem[],
  ringOf: (name: string) => string | undefined,
): readonly (readonly [facet: Facet, counts: readonly (readonly [value: string, count: number])[]])[] {
  return FACETS.flatMap((facet) => {
    const counts = new Map<string, number>();
    for (const item of items) {
      const value = facetOf(facet, item, ringOf(item.name));
      if (value !== undefined) {
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    }
    const isTold = counts.size > 1 || (facet === "effect" && counts.size === 1 && items.length > 1);
    return isTold ? [[facet, [...counts].sort((a, b) => b[1] - a[1])] as const] : [];
  });
}

export function ringsOf(instances: readonly Pick<ClawInstance, "metadata">[]): ReadonlyMap<string, string> {
  return new Map(instances.map(({ metadata }) => [metadata.name, metadata.labels[RING] ?? ""]));
}

/** Which of a preview its address shows. */
export function previewSearch(search: Readonly<Record<string, unknown>>): Partial<Record<Facet, string>> {
  return Object.fromEntries(FACETS.flatMap((facet) => (typeof search[facet] === "string" ? [[facet, search[facet].slice(0, 253)]] : [])));
}
