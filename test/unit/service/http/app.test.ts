import Fastify from "fastify";
import { pino } from "pino";
import { describe, it } from "vitest";
import { routes } from "../../../../sdk/contract/index.ts";
import { api, buildApp } from "../../../../service/http/app.ts";
import { withoutUseCases } from "../../../support/api-options.ts";

const log = pino({ level: "silent" });

describe("whoever sends much", () => {
  it("is refused by the size of what the route takes", async ({ expect }) => {
    const authenticate = async () => ({ subject: "admin", platform: true, tenantId: undefined });
    const app = await buildApp({ log, ...withoutUseCases({ identity: { authenticate } }) });
    const send = async (path: string, bytes: number) => {
      const headers = { authorization: "Bearer x", "content-type": "application/json", "content-length": String(bytes) };
      const { statusCode, json } = await app.inject({ method: "POST", url: `/api/v1${path}`, headers, payload: "{" });
      return [statusCode, json().code];
    };
    expect(await send(routes["projects.create"].path, 2 * 1024 * 1024 + 1)).toEqual([413, "request.too_large"]);
    expect(await send(routes["previews.create"].path, 2 * 1024 * 1024 + 1)).toEqual([400, "request.malformed"]);
    expect(await send(routes["previews.create"].path, 4 * 1024 * 1024 + 1)).toEqual([413, "request.too_large"]);
    await app.close();
  });
});

describe("whoever is nobody", () => {
  it("is refused before anything of the request is read, by every route that is not everybody's", async ({ expect }) => {
    const app = await buildApp({ log, ...withoutUseCases({ identity: { authenticate: async () => undefined } }) });
    for (const { method, path, scope } of Object.values(routes)) {
      // A body that could not be read, and an id that no schema takes.
      const headers = { authorization: "Bearer wrong", "content-type": "application/json" };
      const url = `/api/v1${path.replace(":id", "%00")}?no=query`;
      const answer = await app.inject({ method, url, headers, ...(method !== "GET" && { payload: "{" }) });
      expect([method, path, answer.json().code === "auth.unauthenticated"]).toEqual([method, path, scope !== "public"]);
    }
    await app.close();
  });
});

describe("a route that does not say who may ask", () => {
  it("can't be registered", async ({ expect }) => {
    const app = Fastify();
    await app.register(api, withoutUseCases());
    expect(() => app.get("/api/v1/secrets", () => "all of them")).toThrow("the route /api/v1/secrets does not say who may ask");
    await app.close();
  });
});
