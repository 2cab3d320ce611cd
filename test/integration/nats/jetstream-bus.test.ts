import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, it, type TestContext } from "vitest";
import { openJetStreamBus } from "../../../adapters/nats/jetstream-bus.ts";
import { findNatsServer, startNatsServer } from "../../support/nats-server.ts";

const url = process.env["CLAW_TEST_NATS_URL"];
const REASON = "no NATS: neither CLAW_TEST_NATS_URL nor a nats-server program";

/** A bus with a stream of its own, and a way to read what is in it. */
async function aBus(test: TestContext, server = url) {
  if (server === undefined) {
    return test.skip(REASON);
  }
  const stream = `TEST_${randomUUID().slice(0, 8)}`;
  const subject = `${stream}.v1`;
  const bus = openJetStreamBus({ url: server, stream, subjects: `${subject}.>` });
  test.onTestFinished(() => bus.close());
  const withManager = async <T>(work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>) => {
    const connection = await connect({ servers: server });
    try {
      return await work(await jetstreamManager(connection));
    } finally {
      await connection.close();
    }
  };
  const stored = () =>
    withManager(async (manager) => {
      const { state } = await manager.streams.info(stream);
      const messages = [];
      for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
        messages.push((await manager.streams.getMessage(stream, { seq }))?.json());
      }
      return messages;
    });
  const remove = () => withManager((manager) => manager.streams.delete(stream));
  test.onTestFinished(() => remove().then(undefined, () => undefined));
  const anEvent = (id: string) => ({ subject: `${subject}.ten_1.instance.created`, id, payload: { id } });
  return { bus, anEvent, stored, remove };
}

describe("JetStream bus", () => {
  it("makes its stream and stores events in order", async (test) => {
    const { bus, anEvent, stored } = await aBus(test);
    await bus.publish([anEvent("a"), anEvent("b")]);
    await bus.publish([anEvent("c")]);
    test.expect(await stored()).toEqual([{ id: "a" }, { id: "b" }, { id: "c" }]);
  });

  it("stores an event once that is published again", async (test) => {
    const { bus, anEvent, stored } = await aBus(test);
    await bus.publish([anEvent("a"), anEvent("b")]);
    await bus.publish([anEvent("a"), anEvent("b"), anEvent("c")]);
    test.expect(await stored()).toEqual([{ id: "a" }, { id: "b" }, { id: "c" }]);
  });

  it("makes the stream again when somebody removed it", async (test) => {
    const { bus, anEvent, stored, remove } = await aBus(test);
    await bus.publish([anEvent("a")]);
    await remove();
    await test.expect(bus.publish([anEvent("b")])).rejects.toMatchObject({ code: "service.unavailable" });
    await bus.publish([anEvent("b")]);
    test.expect(await stored()).toEqual([{ id: "b" }]);
  });

  it("lets two replicas make the stream at once", async (test) => {
    const { bus, anEvent, stored } = await aBus(test);
    await Promise.all([bus.publish([anEvent("a")]), bus.publish([anEvent("b")]), bus.publish([anEvent("c")])]);
    test.expect(await stored()).toHaveLength(3);
  });

  it("rejects while the server is away, and goes on when it is back", async (test) => {
    if (findNatsServer() === undefined) {
      return test.skip("no nats-server program to stop and start");
    }
    const first = await startNatsServer();
    test.expect(first).toBeDefined();
    if (!first) {
      return;
    }
    const { bus, anEvent, stored } = await aBus(test, first.url);
    await bus.publish([anEvent("a")]);
    await first.stop();
    await test.expect(bus.publish([anEvent("b")])).rejects.toMatchObject({ code: "service.unavailable", retryable: true });
    const second = await startNatsServer({ port: Number(new URL(first.url).port) });
    test.onTestFinished(() => second?.stop());
    await test.expect
      .poll(
        () =>
          bus.publish([anEvent("b")]).then(
            () => "published",
            () => "away",
          ),
        { timeout: 60_000 },
      )
      .toBe("published");
    test.expect(await stored()).toContainEqual({ id: "b" });
  });

  it("rejects when there never was a server", async (test) => {
    const bus = openJetStreamBus({ url: "nats://127.0.0.1:9" });
    test.onTestFinished(() => bus.close());
    await test.expect(bus.publish([{ subject: "claw.v1.x", id: "a", payload: {} }])).rejects.toMatchObject({ code: "service.unavailable" });
  });
});
