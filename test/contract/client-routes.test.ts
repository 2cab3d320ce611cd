import { describe, it } from "vitest";
import { Claw } from "../../sdk/client/index.ts";
import { type Route, type RouteId, routes } from "../../sdk/contract/index.ts";
import { anInstanceAnswer, aPreview } from "../support/builders/resources.ts";
import { answer, startServer } from "../support/http-server.ts";

/** What `instances` has besides its routes. */
const streams = ["chat", "followLogs", "followMetrics", "terminal", "connect", "watch", "watchAll", "wait"];
const areas = (claw: Claw) => Object.entries(claw).flatMap(([area, methods]) => Object.keys(methods).map((verb) => `${area}.${verb}`));

describe("the client", () => {
  it("has a method for every operation of the contract, and no other", ({ expect }) => {
    const methods = areas(new Claw()).filter((id) => !streams.some((stream) => id === `instances.${stream}`));
    expect(methods.toSorted()).toEqual(Object.keys(routes).toSorted());
  });

  it.for(Object.entries(routes) as [RouteId, Route][])("calls the route of %s", async ([id, route], { expect }) => {
    const answered = { ...anInstanceAnswer(), ...aPreview(), items: [] };
    await using server = await startServer((_, res) => answer(res, route.success, route.success === 204 ? undefined : answered));
    const [area, verb] = id.split(".") as [keyof Claw, string];
    const methods = new Claw({ url: server.url })[area] as unknown as Record<string, (...args: unknown[]) => unknown>;
    await methods[verb]?.(...(route.params ? ["some-name"] : []));
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: route.method,
      path: `/api/v1${route.path.replace(":id", "some-name")}`,
    });
  });
});
