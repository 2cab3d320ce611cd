import { setImmediate as tick } from "node:timers/promises";
import { describe, it } from "vitest";
import type { ChannelContext } from "../../../service/agent/channels/channel.ts";
import { Turn } from "../../../service/agent/channels/turns.ts";

const BIG = "x".repeat(100 * 1024);

function aReader() {
  const seen: { type: string; seq: number }[] = [];
  let room: Promise<void> | undefined;
  let ended = false;
  const ctx = {
    send: (data: string) => {
      seen.push(JSON.parse(data));
      return room;
    },
    end: () => {
      ended = true;
    },
  } as unknown as ChannelContext;
  return {
    ctx,
    seen,
    hasEnded: () => ended,
    hold: (until: Promise<void>) => {
      room = until;
    },
  };
}

describe("an answer that somebody may come back for", () => {
  it("is held back once too much of it waits, with a reader and without", async ({ expect }) => {
    const turn = new Turn(true, () => {});
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = aReader();
    slow.hold(promise);
    void turn.attach(slow.ctx, 0);
    expect(turn.push({ type: "delta", text: "a" })).toBeUndefined();
    await tick();
    const room = turn.push({ type: "delta", text: BIG });
    expect(room).toBeInstanceOf(Promise);
    resolve();
    await room;
    expect(slow.seen.map(({ seq }) => seq)).toEqual([1, 2]);
    turn.detach(slow.ctx, true);
    const pushed = Array.from({ length: 12 }, () => turn.push({ type: "delta", text: BIG }));
    expect(pushed.findIndex((wait) => wait !== undefined)).toBeGreaterThan(8);
    turn.abandon();
  });

  it("says where a part of it is not kept any more", async ({ expect }) => {
    const turn = new Turn(true, () => {});
    const first = aReader();
    void turn.attach(first.ctx, 0);
    for (let count = 0; count < 15; count++) {
      await turn.push({ type: "delta", text: BIG });
      await tick();
    }
    turn.push({ type: "done" });
    await tick();
    expect(first.seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(first.hasEnded()).toBe(true);
    const second = aReader();
    void turn.attach(second.ctx, 1);
    await tick();
    const [gap, next] = second.seen;
    expect(gap?.type).toBe("gap");
    expect(next?.seq).toBe((gap?.seq ?? 0) + 1);
    expect(second.seen.at(-1)).toEqual({ type: "done", seq: 16 });
    turn.abandon();
  });

  it("has one reader: who comes later takes it over", async ({ expect }) => {
    let abandoned = 0;
    const turn = new Turn(true, () => abandoned++);
    const [first, second] = [aReader(), aReader()];
    void turn.attach(first.ctx, 0);
    void turn.attach(second.ctx, 0);
    turn.push({ type: "delta", text: "a" });
    await tick();
    expect([first.hasEnded(), first.seen, second.seen.length]).toEqual([true, [], 1]);
    turn.detach(first.ctx, false);
    expect(abandoned).toBe(0);
    turn.detach(second.ctx, false);
    expect(abandoned).toBe(1);
  });
});
