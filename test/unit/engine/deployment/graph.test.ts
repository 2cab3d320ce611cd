import fc from "fast-check";
import { describe, it } from "vitest";
import type { ResourceState } from "../../../../adapters/engine/contract/checkpoint.ts";
import { DependencyIndex, dependentsOf } from "../../../../adapters/engine/deployment/graph.ts";

const aState = (urn: string, dependencies: string[]): ResourceState => ({ urn, type: "t", custom: true, dependencies });

function indexOf(list: readonly ResourceState[]): DependencyIndex {
  const index = new DependencyIndex();
  for (const [order, state] of list.entries()) {
    index.add(state, order);
  }
  return index;
}

describe("DependencyIndex", () => {
  it("finds what a scan of the whole list finds, whatever refers to what", ({ expect }) => {
    const name = fc.integer({ min: 0, max: 7 }).map(String);
    // A name may come twice: a state that waits for its deletion has the URN of the one that replaced it.
    const list = fc.array(fc.tuple(name, fc.uniqueArray(name, { maxLength: 3 })), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(list, fc.nat(), fc.uniqueArray(name), (entries, at, ignored) => {
        const states = entries.map(([urn, dependencies]) => aState(urn, dependencies));
        const root = states[at % states.length] as ResourceState;
        const scanned = states.filter((state) => state === root || !ignored.includes(state.urn));
        const found = indexOf(states).dependentsOf(root, (urn) => ignored.includes(urn));
        expect(found).toEqual(dependentsOf(scanned, [root]));
      }),
    );
  });

  it("reads each state once, however many roots are asked about", ({ expect }) => {
    let reads = 0;
    const list = Array.from({ length: 2000 }, (_, number): ResourceState => {
      const dependencies = number % 2 === 1 ? [`root-${number - 1}`] : [];
      const state = aState(number % 2 === 0 ? `root-${number}` : `dependent-${number}`, dependencies);
      return Object.defineProperty(state, "dependencies", {
        get() {
          reads++;
          return dependencies;
        },
      });
    });
    const index = indexOf(list);
    const dependents = list.flatMap((state) => index.dependentsOf(state, () => false));
    expect(dependents).toHaveLength(1000);
    expect(reads).toBe(2000);
  });
});
