import { join } from "node:path";
import Fastify, { type FastifyInstance, type RouteOptions } from "fastify";
import { describe, it } from "vitest";
import { errorCatalogue, errorCodesOf, isStateWrite, type Route, type RouteId, routes, webSockets } from "../../sdk/contract/index.ts";
import { api } from "../../service/http/app.ts";
import { openApiDocument } from "../../service/http/openapi.ts";
import { withoutUseCases } from "../support/api-options.ts";

interface Described {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly "x-scope"?: string;
  readonly "x-websocket"?: object;
  readonly responses?: Readonly<Record<string, { readonly "x-error-codes"?: readonly string[]; readonly content?: object }>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Described>>>>;

const document = openApiDocument();
const paths = document["paths"] as Paths;

/** What keeps a registered route from being part of the API: that it is not described, or described otherwise. */
function faultsOf({ method, url, config, schema }: RouteOptions): string[] {
  const { operationId, scope } = (config ?? {}) as { operationId?: string; scope?: string };
  const described = paths[url.replaceAll(/:(\w+)/g, "{$1}")]?.[String(method).toLowerCase()];
  if (!described) {
    return ["is not described"];
  }
  const faults: string[] = [];
  const check = (holds: boolean, fault: string) => holds || faults.push(fault);
  const statuses = Object.keys((schema?.response ?? {}) as object);
  const isStream = described["x-websocket"] !== undefined || "text/event-stream" in (described.responses?.["200"]?.content ?? {});
  check(isStream || described.operationId === operationId, "has another operationId");
  check(described.tags?.length === 1 && described.operationId?.startsWith(`${described.tags[0]}.`) === true, "has no tag");
  check(scope !== undefined && described["x-scope"] === scope, "has another scope");
  check(schema?.querystring !== undefined, "takes any query");
  check(isStream || routes[operationId as RouteId].success === 204 || statuses.length > 0, "has no schema of its answer");
  check(
    statuses.every((status) => status in (described.responses ?? {})),
    "answers what is not described",
  );
  check(scope === "public" || "401" in (described.responses ?? {}), "has no 401");
  check(
    Object.entries(described.responses ?? {}).every(
      ([status, { "x-error-codes": codes }]) => Number(status) < 400 || (codes?.length ?? 0) > 0,
    ),
    "has problems without codes",
  );
  return faults;
}

/** Every route under /api/v1, as it is registered, but the one that answers the document. Registering calls nothing of what is behind. */
async function registered(more: (app: FastifyInstance) => unknown = () => undefined): Promise<RouteOptions[]> {
  const app = Fastify({ exposeHeadRoutes: false });
  const seen: RouteOptions[] = [];
  app.addHook("onRoute", (route) => void seen.push(route));
  await app.register(api, withoutUseCases());
  more(app);
  return seen.filter(({ url }) => url.startsWith("/api/v1") && url !== "/api/v1/openapi.json");
}

describe("the OpenAPI document", () => {
  it("is the committed one; `npx vitest run test/contract/openapi.test.ts -u` writes it", async ({ expect }) => {
    await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, "../../docs/reference/openapi.json"),
    );
  });

  it("describes every registered route, and no other", async ({ expect }) => {
    const all = await registered();
    expect(all.map((route) => [route.url, faultsOf(route)]).filter(([, faults]) => faults?.length)).toEqual([]);
    const posted = Object.values(webSockets).filter((stream) => "posts" in stream);
    expect(all).toHaveLength(Object.keys(routes).length + Object.keys(webSockets).length + posted.length);
    expect(all).toHaveLength(Object.values(paths).flatMap((methods) => Object.keys(methods)).length);
  });

  it("can't miss a route that is registered beside the contract", async ({ expect }) => {
    const [beside] = (await registered((app) => app.get("/api/v1/beside", { config: { scope: "public" } }, () => "all of them"))).slice(-1);
    expect(beside && faultsOf(beside)).toEqual(["is not described"]);
    const other = { method: "GET", url: "/api/v1/instances", config: { operationId: "tenants.list", scope: "public" }, handler: () => "" };
    expect(faultsOf(other as unknown as RouteOptions)).toEqual([
      "has another operationId",
      "has another scope",
      "takes any query",
      "has no schema of its answer",
    ]);
  });

  it("resolves every reference", ({ expect }) => {
    const dangling = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].filter(
      ([, path = ""]) =>
        path.split("/").reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document) === undefined,
    );
    expect(dangling).toEqual([]);
  });

  it("names every problem that a route may answer", ({ expect }) => {
    for (const [id, route] of Object.entries(routes) as [RouteId, Route][]) {
      const described = paths[`/api/v1${route.path.replace(":id", "{id}")}`]?.[route.method.toLowerCase()];
      const codes = Object.values(described?.responses ?? {}).flatMap((response) => response["x-error-codes"] ?? []);
      expect(codes.toSorted(), id).toEqual(errorCodesOf(route));
    }
  });
});

describe("the error catalogue", () => {
  it("has no code that nothing answers", ({ expect }) => {
    const answered = new Set(
      Object.values(paths).flatMap((methods) =>
        Object.values(methods).flatMap(({ responses = {} }) =>
          Object.values(responses).flatMap((response) => response["x-error-codes"] ?? []),
        ),
      ),
    );
    expect(Object.keys(errorCatalogue).filter((code) => !answered.has(code))).toEqual(["route.not_found"]);
  });
});

describe("a route that writes", () => {
  // What changes nothing that is declared, asks, is a preview itself, has a dry run of its own, or is on what the engine keeps.
  const others = [
    "instances.console",
    "instances.open",
    "configs.validate",
    "policies.test",
    "previews.create",
    "previews.apply",
    "clusters.drain",
  ];
  const nothingDeclared = /^((stacks|tokens|sessions)\.|access\.retire|secrets\.refresh)/;
  it("can be asked for as a preview first", ({ expect }) => {
    const writes = (Object.entries(routes) as [RouteId, Route][]).filter(
      ([id, { method }]) => method !== "GET" && !others.includes(id) && !nothingDeclared.test(id),
    );
    expect(writes.filter(([, route]) => !isStateWrite(route)).map(([id]) => id)).toEqual([]);
  });
});
