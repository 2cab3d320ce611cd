import { pino } from "pino";
import { describe, it } from "vitest";
import { routes } from "../../../../sdk/contract/index.ts";
import { buildApp } from "../../../../service/http/app.ts";
import type { AppDependencies } from "../../../../service/http/context.ts";

describe("whoever sends slowly", () => {
  it("holds a connection for a while only: before the headers came, and before all of the request did", async ({ expect }) => {
    const app = await buildApp({ log: pino({ level: "silent" }) } as unknown as AppDependencies);
    const { headersTimeout, requestTimeout } = app.server;
    expect([headersTimeout, requestTimeout].every((timeout) => timeout > 0 && timeout <= 30_000)).toBe(true);
    await app.close();
  });
});

describe("whoever sends much", () => {
  it("is refused by the size of what the route takes", async ({ expect }) => {
    const authenticate = async () => ({ subject: "admin", platform: true, tenantId: undefined });
    const app = await buildApp({ log: pino({ level: "silent" }), authenticate } as unknown as AppDependencies);
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
