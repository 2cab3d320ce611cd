import { QueryFailedError } from "typeorm";
import { describe, it } from "vitest";
import { toClawError } from "../../../adapters/postgres/errors.ts";

describe("a connection that breaks", () => {
  it.for([
    ["under a read", new Error("Connection terminated unexpectedly")],
    ["in a transaction", new QueryFailedError("select 1", [], new Error("Connection terminated unexpectedly"))],
    ["with a word of the server", Object.assign(new Error("terminating connection due to administrator command"), { code: "57P01" })],
  ] as const)("is a database that is away: %s", ([, error], { expect }) => {
    expect(toClawError(error)).toMatchObject({ code: "service.unavailable", retryable: true });
  });
});
