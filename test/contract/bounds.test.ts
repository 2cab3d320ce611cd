import { readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import {
  boundedRecord,
  ConfigTemplateInputSchema,
  issuesOf,
  JSON_BOUNDS,
  JsonValueSchema,
  ManifestSchema,
  MetadataInputSchema,
  type Route,
  type RouteId,
  routes,
  type Stream,
  webSockets,
} from "../../sdk/contract/index.ts";

/** Where a schema takes lists, records, texts or other values without end. */
function unboundedIn(schema: z.ZodType, path = ""): string[] {
  const { readOnly, maxProperties } = (schema.meta() ?? {}) as { readOnly?: boolean; maxProperties?: number };
  if (schema === JsonValueSchema || readOnly) {
    return [];
  }
  if (schema instanceof z.ZodObject) {
    const own = Object.entries(schema.shape).flatMap(([key, member]) => unboundedIn(member as z.ZodType, `${path}.${key}`));
    return schema.def.catchall instanceof z.ZodUnknown ? [...own, `${path}: takes any other key`] : own;
  }
  if (schema instanceof z.ZodArray) {
    const own = unboundedIn(schema.element as z.ZodType, `${path}[]`);
    return hasMaximum(schema) ? own : [...own, `${path}: a list of any length`];
  }
  if (schema instanceof z.ZodRecord) {
    const own = [...unboundedIn(schema.keyType as z.ZodType, `${path} key`), ...unboundedIn(schema.valueType as z.ZodType, `${path}.*`)];
    return maxProperties === undefined ? [...own, `${path}: a record of any size`] : own;
  }
  if (schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).flatMap((option) => unboundedIn(option, path));
  }
  // A text of a query that stands for true or false is one of a few.
  if (schema instanceof z.ZodCodec) {
    return [];
  }
  if (schema instanceof z.ZodPipe) {
    return unboundedIn(schema.in as z.ZodType, path);
  }
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  ) {
    return unboundedIn(schema.unwrap() as z.ZodType, path);
  }
  if (schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral || schema instanceof z.ZodBoolean || schema instanceof z.ZodNumber) {
    return [];
  }
  if (schema.def.type === "string") {
    return hasMaximum(schema) ? [] : [`${path}: a text of any length`];
  }
  return [`${path}: any value`];
}

function hasMaximum(schema: z.ZodType): boolean {
  return (schema.def.checks ?? []).some((check) => check._zod.def.check === "max_length");
}

describe("what comes in", () => {
  const taken = [
    ...(Object.entries(routes) as [RouteId, Route][]).map(([id, { params, query, body }]) => [id, { params, query, body }] as const),
    ...(Object.entries(webSockets) as [string, Stream][]).map(([id, { query, receives }]) => [id, { query, receives }] as const),
  ];
  it.for(taken)("has a bound, whatever it is: %s", ([id, parts], { expect }) => {
    const faults = Object.entries(parts).flatMap(([part, schema]) => (schema ? unboundedIn(schema, part) : []));
    // What an engine writes into a state is its own, and bounded by the body's size alone.
    const takesFile = (routes[id as RouteId] as Route | undefined)?.takesFile;
    expect(faults.filter((fault) => !(takesFile && /takes any other key|body\.deployment\..*: any value/.test(fault)))).toEqual([]);
  });

  it("can't come without a bound unseen", ({ expect }) => {
    const good = z.strictObject({ a: z.array(z.string().max(3)).max(3), b: boundedRecord(z.string().max(3), JsonValueSchema, 3) });
    expect(unboundedIn(good)).toEqual([]);
    const bad = z.looseObject({
      a: z.array(z.string()).optional(),
      b: z.record(z.string(), z.unknown()),
      c: z.union([z.json(), z.cidrv4()]),
      d: z.string().max(3).transform(Number),
    });
    expect(unboundedIn(bad)).toEqual([
      ".a[]: a text of any length",
      ".a: a list of any length",
      ".b key: a text of any length",
      ".b.*: any value",
      ".b: a record of any size",
      ".c: any value",
      ".c: a text of any length",
      ": takes any other key",
    ]);
  });
});

describe("a bound", () => {
  const faultOf = (schema: z.ZodType, value: unknown) => {
    const { error } = schema.safeParse(value);
    return error && issuesOf(schema, error, value);
  };
  const nested = (depth: number) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`) as unknown;

  it.for([
    { of: "bytes", most: "x".repeat(JSON_BOUNDS.bytes), more: "x".repeat(JSON_BOUNDS.bytes + 1), message: "is more than 256 KiB" },
    { of: "bytes of other alphabets", most: "ä".repeat(2 ** 17), more: "ä".repeat(2 ** 17 + 1), message: "is more than 256 KiB" },
    { of: "values", most: Array(9999).fill(1), more: Array(10_000).fill(1), message: "holds more than 10000 values" },
    { of: "levels", most: nested(33), more: nested(34), message: "is nested more than 32 levels deep" },
    { of: "levels without end", most: 1, more: nested(5000), message: "is nested more than 32 levels deep" },
  ])("of any JSON is on its $of", ({ most, more, message }, { expect }) => {
    expect(faultOf(JsonValueSchema, most)).toBeUndefined();
    expect(faultOf(JsonValueSchema, more)).toEqual([{ path: "", message, fix: expect.stringMatching(/^(give|nest) (less|fewer)$/) }]);
  });

  it("takes JSON alone, and some", ({ expect }) => {
    expect(faultOf(JsonValueSchema, { a: [1, "x", true, null] })).toBeUndefined();
    expect(faultOf(JsonValueSchema, { a: Number.NaN })).toMatchObject([{ message: "is not JSON" }]);
    expect(faultOf(z.strictObject({ value: JsonValueSchema }), {})).toEqual([
      { path: "value", message: "is required", fix: "give a value" },
    ]);
  });

  it.for([
    {
      name: "annotations in total",
      metadata: { annotations: { a: "x".repeat(2 ** 17), b: "x".repeat(2 ** 17) } },
      path: "annotations",
      says: "is more than 256 KiB",
    },
    {
      name: "a label's key",
      metadata: { labels: { ["x".repeat(64)]: "" } },
      path: `labels.${"x".repeat(64)}`,
      says: "not a Kubernetes label key",
    },
    {
      name: "a label's prefix",
      metadata: { labels: { [`${"x".repeat(254)}/a`]: "" } },
      path: `labels.${"x".repeat(80)}…`,
      says: "not a Kubernetes label key",
    },
    { name: "a label's value", metadata: { labels: { a: "x".repeat(64) } }, path: "labels.a", says: "<=63" },
    {
      name: "an annotation's key",
      metadata: { annotations: { "a b": "" } },
      path: 'annotations["a b"]',
      says: "not a Kubernetes label key",
    },
    {
      name: "how many labels there are",
      metadata: { labels: Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, ""])) },
      path: "labels",
      says: "has 129 entries; give at most 128",
    },
  ])("of metadata is on $name", ({ metadata, path, says }, { expect }) => {
    const [issue, ...others] = faultOf(MetadataInputSchema, { name: "x", ...metadata }) ?? [];
    expect(others).toEqual([]);
    expect(issue?.path).toBe(path);
    expect(`${issue?.message}; ${issue?.fix}`).toContain(says);
  });

  it("of a specification is on all of it together", ({ expect }) => {
    const base = Object.fromEntries(["a", "b", "c"].map((key) => [key, "x".repeat(200 * 1024)]));
    const manifest = { apiVersion: "clusterclaw.io/v1", kind: "ConfigTemplate", metadata: { name: "x" }, spec: { adapter: "A", base } };
    expect(faultOf(ConfigTemplateInputSchema, manifest)).toEqual([{ path: "spec", message: "is more than 512 KiB", fix: "give less" }]);
  });
});

describe("the founding design's resources", () => {
  it("are within the bounds", async ({ expect }) => {
    const text = await readFile(new URL("../../docs/examples/founding.yaml", import.meta.url), "utf8");
    const manifests = parseAllDocuments(text).map((document) => ManifestSchema.parse(document.toJS()));
    expect(manifests.map(({ kind }) => kind)).toEqual(["ClawInstance", "ConfigTemplate", "Tenant"]);
  });
});
