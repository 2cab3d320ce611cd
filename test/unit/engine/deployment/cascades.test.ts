import { describe, it } from "vitest";
import type { ResourceState } from "../../../../adapters/engine/contract/checkpoint.ts";
import type { StackStore } from "../../../../adapters/engine/contract/store.ts";
import { BaseState } from "../../../../adapters/engine/deployment/base-state.ts";
import type { Execution } from "../../../../adapters/engine/deployment/execution.ts";
import { Replacements } from "../../../../adapters/engine/deployment/replacements.ts";
import type { SecretsManager } from "../../../../adapters/engine/operation.ts";

const urnOf = (name: string) => `urn:pulumi:s::p::test:index:Thing::${name}`;

/** A stack of `size` leaders, each with one that is deleted with it, one that is replaced with it, and one that stands alone. */
async function stackOf(size: number) {
  const states = Array.from({ length: size }, (_, index) => index).flatMap((index): ResourceState[] => {
    const state = (name: string, more: Partial<ResourceState> = {}) => ({
      urn: urnOf(`${name}-${index}`),
      type: "test:index:Thing",
      custom: true,
      ...more,
    });
    const leader = urnOf(`leader-${index}`);
    return [state("leader"), state("goes", { deletedWith: leader }), state("anew", { replaceWith: [leader] }), state("alone")];
  });
  const resources = states.map((state, order) => ({ key: state.urn, order, state }));
  const store = { loadResources: async () => ({ resources }) } as unknown as StackStore;
  const base = await BaseState.load(store, { project: "p", stack: "s" }, {} as SecretsManager, undefined, () => {});
  const news = new VisitedMap();
  const replacements = new Replacements({ base, news } as unknown as Execution, () => false);
  return { states, replacements, news };
}

class VisitedMap extends Map<string, ResourceState> {
  visits = 0;
  override has(urn: string): boolean {
    this.visits++;
    return super.has(urn);
  }
}

describe("what goes with a resource", () => {
  it("is found in order, but for what the operation has made already", async ({ expect }) => {
    const { replacements, news, states } = await stackOf(3);
    const names = () => replacements.cascadesOf(urnOf("leader-1")).map(({ urn }) => urn.split("::").at(-1));
    expect(names()).toEqual(["goes-1", "anew-1"]);
    const goes = states.find(({ urn }) => urn === urnOf("goes-1"));
    if (goes) {
      news.set(goes.urn, goes);
    }
    expect(names()).toEqual(["anew-1"]);
    expect(replacements.cascadesOf(urnOf("alone-1"))).toEqual([]);
  });

  it("takes as many steps for each resource of a large stack as of a small one", async ({ expect }) => {
    const visits = [];
    for (const size of [50, 200]) {
      const { states, replacements, news } = await stackOf(size);
      for (const { urn } of states) {
        replacements.cascadesOf(urn);
      }
      visits.push(news.visits / size);
    }
    expect(visits).toEqual([2, 2]);
  });
});
