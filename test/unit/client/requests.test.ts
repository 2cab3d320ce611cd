import { describe, expectTypeOf, it } from "vitest";
import {
  Claw,
  ConflictError,
  ConnectionError,
  type Instance,
  NotFoundError,
  type Plan,
  ValidationError,
} from "../../../sdk/client/index.ts";
import type { ConfigVersion } from "../../../sdk/contract/index.ts";
import { aPreview } from "../../support/builders/resources.ts";
import { collect } from "../../support/collect.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

const manifest = {
  apiVersion: "clusterclaw.io/v1",
  kind: "ClawInstance",
  metadata: { name: "web" },
  spec: { type: "Echo" },
} as const;

describe("requests", () => {
  it("carry the token, the tenant, the query and the body to the route of the operation", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, aPreview()));
    const claw = new Claw({ url: `${server.url}/`, token: "t0", tenant: "acme" });
    await claw.instances.replace("a/b", manifest, { preview: true, ifMatch: "7" });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "PUT", path: "/api/v1/instances/a%2Fb", body: manifest });
    expect(request?.query.get("preview")).toBe("true");
    expect(request?.headers).toMatchObject({
      authorization: "Bearer t0",
      "x-claw-tenant": "acme",
      "content-type": "application/json",
      "if-match": '"7"',
    });
  });

  it("ask a function for the token, each attempt anew, and end with what it throws", async ({ expect }) => {
    await using server = await startServer((_, res, count) => (count === 1 ? refuse(res, "service.unavailable") : answer(res, 200, {})));
    let asked = 0;
    await new Claw({ url: server.url, token: async () => `t${++asked}` }).types.list();
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer t1", "Bearer t2"]);
    const over = new Error("the session is over");
    const signedOut = new Claw({ url: server.url, token: () => Promise.reject(over) });
    await expect(signedOut.types.list()).rejects.toBe(over);
    await expect(signedOut.instances.connect("web")).rejects.toBe(over);
    expect(server.requests).toHaveLength(2);
  });

  it("of reads have no body and no idempotency key", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, { lines: ["a"] }));
    const logs = await new Claw({ url: server.url }).instances.logs("web", { tailLines: 3 });
    expect(logs).toEqual({ lines: ["a"] });
    expect(server.requests[0]?.query.toString()).toBe("tailLines=3");
    expect(server.requests[0]?.headers["idempotency-key"]).toBeUndefined();
    expect(server.requests[0]?.headers["authorization"]).toBeUndefined();
  });

  it("answer undefined when the route answers nothing", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 204));
    expect(await new Claw({ url: server.url }).configs.delete("base")).toBeUndefined();
  });

  it("refuse an empty name, which would be the list's route", ({ expect }) => {
    expect(() => new Claw().instances.delete("")).toThrow(/first argument/);
  });

  it("of a client made by withOptions keep what was not changed", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, { version: "1", apiVersion: "v1" }));
    await new Claw({ url: server.url, token: "t0" }).withOptions({ tenant: "other" }).service.version();
    expect(server.requests[0]?.headers).toMatchObject({ authorization: "Bearer t0", "x-claw-tenant": "other" });
  });

  it("are typed by the contract", () => {
    const { instances, configs } = new Claw();
    expectTypeOf(() => instances.create(manifest)).returns.resolves.toEqualTypeOf<Instance>();
    expectTypeOf(() => instances.create(manifest, { preview: true })).returns.resolves.toEqualTypeOf<Plan>();
    expectTypeOf(() => configs.publish("base")).returns.resolves.toEqualTypeOf<ConfigVersion>();
    // @ts-expect-error: the contract knows no such field
    expectTypeOf(() => instances.create({ ...manifest, spec: { type: "Echo", colour: "red" } }));
    // @ts-expect-error: the route takes no such query
    expectTypeOf(() => instances.start("web", { purgeData: true }));
  });
});

describe("pages", () => {
  const serve = () =>
    startServer((req, res) => {
      const start = Number(req.query.get("cursor") ?? 0);
      answer(res, 200, { items: [start, start + 1], ...(start < 4 ? { nextCursor: String(start + 2) } : {}) });
    });

  it("are fetched one by one while all items are iterated over", async ({ expect }) => {
    await using server = await serve();
    const items: unknown[] = [];
    for await (const item of new Claw({ url: server.url }).configs.list({ labelSelector: "a=b", limit: 2 })) {
      items.push(item);
    }
    expect(items).toEqual([0, 1, 2, 3, 4, 5]);
    expect(server.requests.map((r) => r.query.toString())).toEqual([
      "labelSelector=a%3Db&limit=2",
      "labelSelector=a%3Db&limit=2&cursor=2",
      "labelSelector=a%3Db&limit=2&cursor=4",
    ]);
  });

  it("are fetched once when one is awaited", async ({ expect }) => {
    await using server = await serve();
    const list = new Claw({ url: server.url }).configs.list();
    expect(server.requests).toHaveLength(0);
    expect(await list).toEqual({ items: [0, 1], nextCursor: "2" });
    expect(await list).toEqual({ items: [0, 1], nextCursor: "2" });
    expect(server.requests).toHaveLength(1);
  });
});

describe("errors", () => {
  it("have the class of the status and all of the problem document", async ({ expect }) => {
    await using server = await startServer((_, res) =>
      refuse(res, "instance.name_taken", { detail: "'web' is taken", errors: [{ path: "metadata.name", message: "x" }] }),
    );
    const error = await new Claw({ url: server.url }).instances.create(manifest).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({
      name: "ConflictError",
      message: "'web' is taken",
      status: 409,
      code: "instance.name_taken",
      requestId: "req-1",
      retryable: false,
      issues: [{ path: "metadata.name", message: "x" }],
    });
    expect(server.requests).toHaveLength(1);
  });

  it.for([
    { name: "404", code: "instance.not_found", type: NotFoundError },
    { name: "412", code: "resource.version_conflict", type: ConflictError },
    { name: "422", code: "request.invalid", type: ValidationError },
  ] as const)("distinguish $name", async ({ code, type }, { expect }) => {
    await using server = await startServer((_, res) => refuse(res, code));
    await expect(new Claw({ url: server.url }).instances.get("web")).rejects.toBeInstanceOf(type);
  });

  it("survive an answer that is no problem document", async ({ expect }) => {
    await using server = await startServer((_, res) => {
      res.writeHead(404, { "content-type": "text/html" }).end("<html>");
    });
    await expect(new Claw({ url: server.url }).instances.get("web")).rejects.toMatchObject({
      status: 404,
      code: undefined,
      message: "the server answered with status 404",
    });
  });

  it.for(["<html>", "null", "1", "[]", "{}", '{"metadata":{"uid":"a"}}', '{"metadata":null,"status":{"phase":"Running","conditions":[]}}'])(
    "say so when something else than a control plane answers 200: %s",
    async (text, { expect }) => {
      await using server = await startServer((_, res) => res.end(text));
      const { instances, previews } = new Claw({ url: server.url });
      const calls = await Promise.allSettled([instances.get("web"), instances.list(), instances.stop("web"), previews.get("pln_1")]);
      for (const call of calls) {
        expect(call).toMatchObject({ reason: { message: `${server.url} answered, but not as a control plane` } });
        expect((call as PromiseRejectedResult).reason).toBeInstanceOf(ConnectionError);
      }
    },
  );

  it("end a list whose pages lead back to themselves", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, { items: [], nextCursor: "same" }));
    const list = new Claw({ url: server.url }).configs.list();
    await expect(collect(list)).rejects.toBeInstanceOf(ConnectionError);
    expect(server.requests).toHaveLength(2);
  });
});
