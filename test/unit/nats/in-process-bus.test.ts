import { describe, it } from "vitest";
import { InProcessBus } from "../../../adapters/nats/in-process-bus.ts";

const anEvent = (id: string) => ({ subject: "claw.v1.ten_1.instance.created", id, payload: { id } });

describe("InProcessBus", () => {
  it("hands events to every listener, in order", async ({ expect }) => {
    const bus = new InProcessBus();
    const seen: string[][] = [[], []];
    for (const list of seen) {
      bus.subscribe((event) => list.push(event.id));
    }
    await bus.publish([anEvent("a"), anEvent("b")]);
    expect(seen).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  it("tells nobody who stopped listening", async ({ expect }) => {
    const bus = new InProcessBus();
    const seen: string[] = [];
    const stop = bus.subscribe((event) => seen.push(event.id));
    stop();
    await bus.publish([anEvent("a")]);
    expect(seen).toEqual([]);
  });
});
