import { describe, it } from "vitest";
import { Claw, ClawClientError, type Instance, Plan, PlanRefusedError } from "../../../sdk/client/index.ts";
import type { ClawInstanceInput, Preview } from "../../../sdk/contract/index.ts";
import { anInstanceAnswer, aPreview, aPreviewItem } from "../../support/builders/resources.ts";
import { collect } from "../../support/collect.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

const manifest: ClawInstanceInput = {
  apiVersion: "clusterclaw.io/v1",
  kind: "ClawInstance",
  metadata: { name: "web" },
  spec: anInstanceAnswer().spec,
};

describe("a handle of an instance", () => {
  const serve = () =>
    startServer(({ method, path, query }, res) => {
      if (query.get("preview") === "true") {
        return answer(res, 200, aPreview());
      }
      if (path.endsWith("/logs")) {
        return answer(res, 200, { lines: ["one", "two"] });
      }
      const isList = method === "GET" && path.endsWith("/instances");
      return answer(res, 200, isList ? { items: [anInstanceAnswer()] } : anInstanceAnswer());
    });

  it("is a ClawInstance for whoever looks at its data: as JSON, spread, compared, cloned", async ({ expect }) => {
    await using server = await serve();
    const web = await new Claw({ url: server.url }).instances.get("web");
    expect(JSON.parse(JSON.stringify(web))).toStrictEqual(anInstanceAnswer());
    expect({ ...web }).toStrictEqual(anInstanceAnswer());
    expect(web).toEqual(anInstanceAnswer());
    expect(structuredClone(web)).toStrictEqual(anInstanceAnswer());
    expect(Object.keys(web)).toEqual(["apiVersion", "kind", "metadata", "spec", "status"]);
  });

  it("keeps what a newer control plane says beside that", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, { ...anInstanceAnswer(), more: 1 }));
    expect(await new Claw({ url: server.url }).instances.get("web")).toMatchObject({ more: 1 });
  });

  it("calls the routes of the instance by its uid", async ({ expect }) => {
    await using server = await serve();
    const { instances } = new Claw({ url: server.url });
    const calls: [string, (web: Instance) => Promise<unknown>][] = [
      ["GET /uid-web", (web) => web.refresh()],
      ["PUT /uid-web", (web) => web.replace({ ...web, spec: { ...web.spec, replicas: 2 } })],
      ["POST /uid-web/start", (web) => web.start()],
      ["POST /uid-web/stop", (web) => web.stop()],
      ["POST /uid-web/restart", (web) => web.restart()],
      ["POST /uid-web/kill", (web) => web.kill()],
      ["DELETE /uid-web", (web) => web.delete({ purgeData: true })],
      ["GET /uid-web/events", async (web) => web.events({ limit: 3 }).then(({ items }) => items)],
      ["GET /uid-web/logs", (web) => collect(web.logs({ tailLines: 2 }))],
    ];
    const [created] = await Promise.all([instances.create(manifest), instances.list()]);
    for (const [, call] of calls) {
      await call(created).catch(() => {});
    }
    expect(server.requests.slice(2).map(({ method, path }) => `${method} ${path.replace("/api/v1/instances", "")}`)).toEqual(
      calls.map(([route]) => route),
    );
    expect(server.requests.find(({ method }) => method === "DELETE")?.query.get("purgeData")).toBe("true");
  });

  it("comes from every call that answers an instance, and its writes answer another or a plan", async ({ expect }) => {
    await using server = await serve();
    const { instances } = new Claw({ url: server.url });
    const [listed] = (await instances.list()).items;
    expect(await collect((await instances.create(manifest)).logs())).toEqual(["one", "two"]);
    expect((await listed?.stop())?.refresh).toBeInstanceOf(Function);
    expect(await listed?.stop({ preview: true })).toBeInstanceOf(Plan);
    expect(await instances.kill("web", { preview: true })).toBeInstanceOf(Plan);
  });

  it("follows the log when asked to", async ({ expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => {
        socket.send('{"type":"lines","lines":["one"],"position":"p.1"}');
        socket.send('{"type":"end"}');
      },
    );
    const web = await new Claw({ url: server.url }).instances.get("web");
    expect(await collect(web.logs({ follow: true, tailLines: 1 }))).toEqual(["one"]);
    expect(server.upgrades[0]).toMatchObject({ path: "/api/v1/instances/uid-web/logs/stream" });
  });
});

describe("a plan", () => {
  it("gives its items of all pages, and applies what was previewed", async ({ expect }) => {
    await using server = await startServer(({ path, query }, res) => {
      if (path.endsWith("/changes")) {
        return answer(res, 200, {
          items: [aPreviewItem({ name: `page-${query.get("cursor")}` })],
          ...(query.get("cursor") === "1" ? { nextCursor: "2" } : {}),
        });
      }
      return answer(res, 201, aPreview({ nextCursor: "1" }));
    });
    const plan = await new Claw({ url: server.url }).previews.create({ manifests: [manifest] });
    expect((await collect(plan.changes())).map(({ name }) => name)).toEqual(["web", "page-1", "page-2"]);
    expect(plan.refusal()).toBeUndefined();
    expect(await plan.apply()).toBe(plan);
    expect(server.requests.at(-1)).toMatchObject({ method: "POST", path: "/api/v1/previews/pln_1/apply" });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(aPreview({ nextCursor: "1" }));
  });

  it("that a quota or a problem forbids is not asked to be applied, and says which", async ({ expect }) => {
    const verdicts = [{ kind: "quota" as const, name: "instances", allowed: false, message: "11 of 10 instances" }];
    const problems = [{ path: "spec.type", message: "there is no such type", blocking: true }];
    const refused: [Partial<Preview>, string][] = [
      [{ verdicts }, "11 of 10 instances"],
      [{ items: [aPreviewItem({ problems })] }, "'web': spec.type: there is no such type"],
    ];
    for (const [over, message] of refused) {
      await using server = await startServer((_, res) => answer(res, 201, aPreview({ ...over, planId: undefined })));
      const plan = await new Claw({ url: server.url }).previews.create({ manifests: [manifest] });
      const error = await plan.apply().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(PlanRefusedError);
      expect(error).toMatchObject({ message });
      expect(server.requests).toHaveLength(1);
    }
  });

  it("whose base moved is refused, and made anew only for those who ask for that", async ({ expect }) => {
    await using strict = await startServer(({ path }, res) =>
      path.endsWith("/apply") ? refuse(res, "preview.stale") : answer(res, 200, aPreview()),
    );
    const { instances, previews } = new Claw({ url: strict.url });
    await expect((await instances.stop("web", { preview: true })).apply()).rejects.toMatchObject({ code: "preview.stale" });
    // What is read by its id is this plan and no other.
    await expect((await previews.get("pln_1")).apply({ renew: true })).rejects.toMatchObject({ code: "preview.stale" });
    expect(strict.requests).toHaveLength(4);
    await expect((await instances.stop("web", { preview: true })).apply({ renew: true })).rejects.toMatchObject({ code: "preview.stale" });
    expect(strict.requests).toHaveLength(14);
    await using renewing = await startServer(({ path }, res, count) =>
      path === "/api/v1/previews/pln_1/apply" ? refuse(res, "preview.stale") : answer(res, 200, aPreview({ id: `pln_${count}` })),
    );
    const plan = await new Claw({ url: renewing.url }).instances.stop("web", { preview: true, idempotencyKey: "k" });
    expect(await plan.apply({ renew: true, idempotencyKey: "a" })).toMatchObject({ id: "pln_3" });
    const keys = renewing.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys.slice(0, 2)).toEqual(["k", "a"]);
    expect(new Set(keys).size).toBe(4);
  });
});

describe("streams without a WebSocket", () => {
  it("say which package to install and how to hand it over", async ({ expect, onTestFinished }) => {
    const had = globalThis.WebSocket;
    onTestFinished(() => {
      globalThis.WebSocket = had;
    });
    // Node 20 has none.
    Reflect.deleteProperty(globalThis, "WebSocket");
    const error = await new Claw().instances.chat("web").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ClawClientError);
    expect(error).toMatchObject({ message: expect.stringContaining("npm install ws") });
  });
});
