import { describe, it } from "vitest";
import { FirstOf } from "../../../service/domain/first-of.ts";

describe("the first of a list", () => {
  it("are as many as there is room for, and it says how many there are", ({ expect }) => {
    const first = new FirstOf<string>(1000);
    for (let number = 0; number < 50_000; number++) {
      first.add(`name-${number}`);
    }
    expect(first.count).toBe(50_000);
    expect(first.items.slice(0, 2)).toEqual(["name-0", "name-1"]);
    const bytes = JSON.stringify(first.items).length;
    expect(bytes).toBeGreaterThan(900);
    expect(bytes).toBeLessThan(1200);
  });

  it("are not hidden by one that is too large", ({ expect }) => {
    const first = new FirstOf<string>(100);
    for (const entry of ["a", "b".repeat(1000), "c"]) {
      first.add(entry);
    }
    expect(first).toMatchObject({ items: ["a", "c"], count: 3 });
  });
});
