import { describe, it } from "vitest";
import { faultOf } from "../support/described-answers.ts";

const problem = { type: "x", title: "x", status: 404, detail: "x", code: "instance.not_found", requestId: "req_1", retryable: false };
const json = (body: unknown, status = 200, type = "application/json") =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": type } });

describe("an answer that is held to the OpenAPI document", () => {
  const path = "/api/v1/instances/web";
  it.for<[string, string, Response, RegExp | undefined]>([
    ["as it is described", "GET", json({ ...problem, code: "instance.not_found" }, 404, "application/problem+json"), undefined],
    ["of another shape", "GET", json({ metadata: {} }), /what is not its schema: .*must have required property/],
    ["of a status that is not described", "GET", json({}, 418), /418, which is not described/],
    [
      "with a code that is not described",
      "GET",
      json({ ...problem, code: "stack.locked" }, 404, "application/problem+json"),
      /the code stack\.locked/,
    ],
    ["of another type", "GET", json(problem, 404), /application\/json and not application\/problem\+json/],
    ["of no operation that is described", "PATCH", json({}), /is not described/],
  ])("is judged: one %s", async ([, method, response, fault], { expect }) => {
    const found = await faultOf(method, path, response);
    expect(fault === undefined ? found === undefined : fault.test(found ?? "")).toBe(true);
  });
});
