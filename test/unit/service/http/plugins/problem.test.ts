import Fastify from "fastify";
import { describe, it } from "vitest";
import { ClawError, SECRET_MASK } from "../../../../../sdk/contract/index.ts";
import { problem, sendProblem } from "../../../../../service/http/plugins/problem.ts";

const SECRET = "hunter2-is-not-a-good-key";
const app = Fastify({ frameworkErrors: sendProblem });
await app.register(problem);
let failure: Error = new Error("none");
app.get("/fails", () => {
  throw failure;
});

describe("a problem answer", () => {
  it.for([
    { of: "a driver", text: `connect postgres://claw:${SECRET}@db:5432/claw: connection refused` },
    { of: "npm", text: `npm error code E401 //registry.example/:_authToken=${SECRET}` },
    { of: "an engine", text: `diagnostic: urn:pulumi:a::b: {"password": "${SECRET}"} is not valid` },
    { of: "a proxy", text: `proxy http://me:${SECRET}@proxy:3128 answered 407 to Authorization: Bearer ${SECRET}` },
  ])("passes on no credential that $of quotes, wherever in it", async ({ text }, { expect }) => {
    failure = new ClawError("service.unavailable", text, { issues: [{ path: `a[${text}]`, message: text, fix: `see ${text}` }] });
    const answer = await app.inject("/fails");
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain("hunter2");
    expect(answer.json()).toMatchObject({
      detail: expect.stringContaining(SECRET_MASK),
      errors: [{ path: expect.stringContaining(SECRET_MASK), message: expect.stringContaining(SECRET_MASK), fix: expect.any(String) }],
    });
  });

  it("repeats no credential of the request's own URL", async ({ expect }) => {
    const answer = await app.inject(`/nowhere?access_token=${SECRET}`);
    expect(answer.statusCode).toBe(404);
    expect(answer.body).not.toContain("hunter2");
  });

  it("says nothing of an error that nobody expected", async ({ expect }) => {
    failure = new Error(`could not log in as claw with ${SECRET}`);
    expect((await app.inject("/fails")).json()).toMatchObject({ status: 500, detail: "something went wrong on our side" });
  });
});
