import { describe, it } from "vitest";
import { itemsOfText } from "../../../../../service/http/agents/items-of-text.ts";

describe("the log of an agent that knows no items", () => {
  it("is whole lines without positions, the last one as it ends", ({ expect }) => {
    let give = (_text: string): unknown => undefined;
    let end = (_end: { error?: string }): void => {};
    const channel = itemsOfText({
      send: () => undefined,
      resize() {},
      close() {},
      onData: (listener) => {
        give = listener;
      },
      onClose: (listener) => {
        end = listener;
      },
    });
    const seen: unknown[] = [];
    channel.onData((data) => void seen.push(JSON.parse(data)));
    channel.onClose((how) => seen.push(how));
    for (const text of ["one\ntw", "o\n", "th", "ree\nfour"]) {
      give(text);
    }
    end({ error: "gone" });
    expect(seen).toEqual([
      { type: "lines", lines: ["one"] },
      { type: "lines", lines: ["two"] },
      { type: "lines", lines: ["three"] },
      { type: "lines", lines: ["four"] },
      { error: "gone" },
    ]);
  });
});
