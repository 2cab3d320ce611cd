import { describe, it, vi } from "vitest";
import { Claw, ConnectionError, RateLimitError, TimeoutError, UserAbortError } from "../../../sdk/client/index.ts";
import type { ErrorCode } from "../../../sdk/contract/index.ts";
import { anInstanceAnswer } from "../../support/builders/resources.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

const AT_ONCE = { "retry-after": "0" };

describe("retries", () => {
  it("keep one idempotency key over all attempts of a call, and take a new one for the next", async ({ expect }) => {
    await using server = await startServer((_, res, count) =>
      count % 3 === 0 ? answer(res, 202, anInstanceAnswer()) : refuse(res, "service.unavailable", {}, AT_ONCE),
    );
    const claw = new Claw({ url: server.url });
    await claw.instances.start("web");
    await claw.instances.start("web");
    const keys = server.requests.map((r) => r.headers["idempotency-key"]);
    expect(keys).toHaveLength(6);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(new Set(keys).size).toBe(2);
  });

  it.for([
    { name: "a conflict that will pass", code: "stack.locked", attempts: 3 },
    { name: "a conflict that stays", code: "instance.name_taken", attempts: 1 },
    { name: "a failed service", code: "service.internal", attempts: 3 },
    { name: "a wrong request", code: "request.invalid", attempts: 1 },
    { name: "a missing instance", code: "instance.not_found", attempts: 1 },
  ] as const satisfies { name: string; code: ErrorCode; attempts: number }[])(
    "make $attempts attempts at $name",
    async ({ code, attempts }, { expect }) => {
      await using server = await startServer((_, res) => refuse(res, code, {}, AT_ONCE));
      await expect(new Claw({ url: server.url }).instances.stop("web")).rejects.toMatchObject({ code });
      expect(server.requests).toHaveLength(attempts);
    },
  );

  it("wait as long as the service asks for", async ({ expect }) => {
    await using server = await startServer((_, res, count) =>
      count === 1 ? answer(res, 429, {}, { "retry-after": "0.3" }) : answer(res, 200, anInstanceAnswer()),
    );
    const before = performance.now();
    await new Claw({ url: server.url }).instances.get("web");
    expect(performance.now() - before).toBeGreaterThanOrEqual(295);
  });

  it("leave a pause of more than a minute to the caller", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 429, {}, { "retry-after": "61" }));
    const error = await new Claw({ url: server.url }).instances.get("web").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ retryAfterMs: 61_000 });
    expect(server.requests).toHaveLength(1);
  });

  it("back off from half a second, doubling to eight, with up to a quarter less", async ({ expect, onTestFinished }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const attempts: number[] = [];
    const refused: typeof fetch = () => {
      attempts.push(Date.now());
      return Promise.reject(new TypeError("fetch failed"));
    };
    const call = new Claw({ fetch: refused, maxRetries: 6 }).instances.get("web").catch((e: unknown) => e);
    await vi.runAllTimersAsync();
    expect(await call).toBeInstanceOf(ConnectionError);
    const delays = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    expect(delays).toHaveLength(6);
    for (const [index, full] of [500, 1000, 2000, 4000, 8000, 8000].entries()) {
      expect(delays[index]).toBeLessThanOrEqual(full);
      expect(delays[index]).toBeGreaterThanOrEqual(full * 0.75 - 1);
    }
  });

  it("report a service that is not there with its address and the system's reason", async ({ expect }) => {
    const call = new Claw({ url: "http://127.0.0.1:1", maxRetries: 0 }).service.version();
    await expect(call).rejects.toThrow(ConnectionError);
    await expect(call).rejects.toThrow(/can't reach http:\/\/127\.0\.0\.1:1: /);
  });
});

describe("ends of calls", () => {
  it("come by a timeout of the attempt", async ({ expect }) => {
    await using server = await startServer(() => {});
    let attempts = 0;
    const counted: typeof fetch = (...request) => {
      attempts++;
      return fetch(...request);
    };
    const claw = new Claw({ url: server.url, fetch: counted, timeoutMs: 50, maxRetries: 1 });
    await expect(claw.instances.get("web")).rejects.toBeInstanceOf(TimeoutError);
    expect(attempts).toBe(2);
  });

  it("come by the caller's signal, in a request and in a pause between two", async ({ expect }) => {
    const inRequest = new AbortController();
    const inPause = new AbortController();
    await using silent = await startServer(() => inRequest.abort());
    await using failing = await startServer((_, res) => {
      refuse(res, "service.unavailable", {}, { "retry-after": "30" });
      setTimeout(() => inPause.abort(), 50);
    });
    for (const [{ url }, { signal }] of [
      [silent, inRequest],
      [failing, inPause],
    ] as const) {
      await expect(new Claw({ url }).instances.get("web", { signal })).rejects.toBeInstanceOf(UserAbortError);
    }
    expect([silent, failing].map(({ requests }) => requests.length)).toEqual([1, 1]);
  });
});
