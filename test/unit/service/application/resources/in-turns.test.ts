import { describe, it } from "vitest";
import { inTurns } from "../../../../../service/application/resources/in-turns.ts";

describe("inTurns", () => {
  it("answers in order, and lets others in while it works on many", async ({ expect }) => {
    let others = 0;
    let isOver = false;
    const next = () => {
      others++;
      if (!isOver) {
        setImmediate(next);
      }
    };
    setImmediate(next);
    const items = Array.from({ length: 100 }, (_, index) => index);
    const results = await inTurns(items, (item) => {
      for (const until = performance.now() + 0.5; performance.now() < until; ) {
        // It takes the processor.
      }
      return item * 2;
    });
    isOver = true;
    expect(results).toEqual(items.map((item) => item * 2));
    expect(others).toBeGreaterThanOrEqual(5);
  });
});
