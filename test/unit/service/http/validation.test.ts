import type { FastifyRouteSchemaDef } from "fastify/types/schema.js";
import { describe, it } from "vitest";
import { z } from "zod";
import { type ClawError, ClawInstanceSchema, QuotaStatusSchema } from "../../../../sdk/contract/index.ts";
import { presentInstance } from "../../../../service/application/instances/present-instance.ts";
import { serializerCompiler, validatorCompiler } from "../../../../service/http/validation.ts";
import { anInstance } from "../../../support/builders/instance.ts";

const route = <T>(schema: T) => ({ schema, method: "POST", url: "/" }) as unknown as FastifyRouteSchemaDef<unknown> & { schema: T };

describe("a body with more values than can be parsed at once", () => {
  const unread = z.unknown().check(() => {
    throw new Error("it was parsed");
  });
  const refusal = (data: unknown) => (validatorCompiler(route(unread))(data) as { error?: ClawError }).error?.issues;

  it.for([
    { name: "a list", data: { a: { b: Array(2_000_000).fill(0) } }, path: "a.b" },
    { name: "many lists", data: { a: Array.from({ length: 21 }, () => Array(10_000).fill(0)) }, path: "a[1]" },
    { name: "an object", data: { a: Object.fromEntries(Array.from({ length: 200_001 }, (_, index) => [index, 0])) }, path: "a" },
  ])("is refused unparsed: $name", ({ data, path }, { expect }) => {
    const fix = "send less, or in several requests";
    expect(refusal(data)).toEqual([{ path, message: "the request holds more than 200000 values", fix }]);
  });
});

describe("an answer", () => {
  const serialize = (schema: z.ZodType, data: unknown) => JSON.parse(serializerCompiler(route(schema) as never)(data)) as unknown;

  it("tells what was stored before there was a bound", ({ expect }) => {
    const { spec, ...instance } = anInstance({ id: "ins_1", tenantId: "ten_1", projectId: "prj_1", name: "old" });
    const overrides = Array.from({ length: 2000 }, (_, index) => ({ key: `k ${index}`, value: "x".repeat(300) }));
    const old = presentInstance(
      { ...instance, annotations: { "any key": "x".repeat(2 ** 20) }, spec: { ...spec, version: "any version", config: { overrides } } },
      "acme",
    );
    expect(ClawInstanceSchema.safeParse(old).success).toBe(false);
    expect(serialize(ClawInstanceSchema, old)).toEqual(JSON.parse(JSON.stringify(old)));
  });

  it("holds what its schema has, and of its types", ({ expect }) => {
    const used = { instances: 1, cpu: "1", memory: "1Gi", storage: "1Gi" };
    expect(serialize(QuotaStatusSchema, { hard: {}, used: { ...used, secret: "s" }, secret: "s" })).toEqual({ hard: {}, used });
    expect(() => serialize(QuotaStatusSchema, { hard: {}, used: { ...used, instances: "1" } })).toThrow(z.ZodError);
  });
});
