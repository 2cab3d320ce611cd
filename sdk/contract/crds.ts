import { z } from "zod";
import type { CelRule, KindFacts } from "./kind.ts";
import { resourceKinds } from "./kinds.ts";
import { API_VERSION, QuantitySchema } from "./meta.ts";

type Json = { [key: string]: unknown };

const NAME_RULE: CelRule = {
  rule: "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')",
  message: "the name must be a DNS label: at most 63 lower-case letters, digits and '-'",
};

/**
 * The CustomResourceDefinitions of what may be written to a cluster, made of the contract's schemas: what the API server refuses is what
 * the control plane would. Defaults are the control plane's business, so that a stored resource says what its author said.
 */
export function customResourceDefinitions(): Json[] {
  const [group = "", version = ""] = API_VERSION.split("/");
  return (resourceKinds as readonly KindFacts[]).flatMap(({ kind, scope, customResource }) => {
    if (!customResource) {
      return [];
    }
    const { plural, shortNames, spec, status, columns, rules, keys } = customResource;
    return [
      {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: `${plural}.${group}` },
        spec: {
          group,
          scope: scope === "tenant" ? "Namespaced" : "Cluster",
          names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames, categories: ["clusterclaw"] },
          versions: [
            {
              name: version,
              served: true,
              storage: true,
              subresources: { status: {} },
              additionalPrinterColumns: [
                ...columns.map(([name, type, jsonPath, priority]) => ({
                  name,
                  type,
                  jsonPath,
                  ...(priority !== undefined && { priority }),
                })),
                { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
              ],
              schema: {
                openAPIV3Schema: {
                  type: "object",
                  required: ["spec"],
                  "x-kubernetes-validations": [NAME_RULE],
                  properties: {
                    apiVersion: { type: "string" },
                    kind: { type: "string" },
                    metadata: { type: "object" },
                    spec: structural(spec, "spec", rules, keys),
                    status: structural(status, "status", {}, {}),
                  },
                },
              },
            },
          ],
        },
      },
    ];
  });
}

function structural(
  schema: z.ZodType,
  path: string,
  rules: Readonly<Record<string, readonly CelRule[]>>,
  keys: Readonly<Record<string, string>>,
): Json {
  const json = z.toJSONSchema(schema, { io: "input", target: "openapi-3.0", unrepresentable: "any" }) as Json;
  return toStructural(json, path, rules, keys);
}

/** Keywords that mean the same in a structural schema. */
const KEPT = [
  "type",
  "enum",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "maxProperties",
  "required",
  "format",
];

function toStructural(
  schema: Json,
  path: string,
  rules: Readonly<Record<string, readonly CelRule[]>>,
  keys: Readonly<Record<string, string>>,
): Json {
  const inner = (value: unknown, name: string) => toStructural(value as Json, `${path}.${name}`, rules, keys);
  const branches = (schema["anyOf"] ?? schema["oneOf"]) as Json[] | undefined;
  if (branches?.every(({ type }) => type === "object")) {
    return toStructural(merged(branches), path, rules, keys);
  }
  if (branches?.every(({ type }) => ["integer", "number", "string"].includes(String(type)))) {
    const { pattern, maxLength } = branches.find(({ type }) => type === "string") ?? {};
    return {
      "x-kubernetes-int-or-string": true,
      anyOf: [{ type: "integer" }, { type: "string" }],
      ...(pattern === undefined ? { pattern: quantityPattern, maxLength: 32 } : { pattern, maxLength }),
    };
  }
  const { properties, items, additionalProperties } = schema;
  if (schema["type"] === undefined) {
    // Any JSON, null with it; or of several kinds, which a structural schema can't tell apart.
    return { "x-kubernetes-preserve-unknown-fields": true, ...(!branches && { nullable: true }) };
  }
  const kept = Object.fromEntries(KEPT.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]]));
  if (schema["type"] === "integer") {
    // Bounds of what a number can hold say nothing.
    for (const bound of ["minimum", "maximum"]) {
      if (Math.abs(Number(kept[bound] ?? 0)) >= Number.MAX_SAFE_INTEGER) {
        delete kept[bound];
      }
    }
  }
  const listKey = keys[path];
  return {
    ...kept,
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties as Json).map(([name, value]) => [name, inner(value, name)])),
    }),
    ...(items !== undefined && { items: inner(items, "items") }),
    ...(typeof additionalProperties === "object" && { additionalProperties: inner(additionalProperties, "*") }),
    ...(listKey !== undefined && { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [listKey] }),
    ...(rules[path] !== undefined && { "x-kubernetes-validations": rules[path] }),
  };
}

/** Objects told apart by a field, as one that has what any of them has: a structural schema knows no alternatives of its own. */
function merged(branches: readonly Json[]): Json {
  const properties: Json = {};
  for (const [name, value] of branches.flatMap((branch) => Object.entries(branch["properties"] as Json))) {
    const { enum: former } = (properties[name] ?? {}) as { enum?: unknown[] };
    const { enum: values } = value as { enum?: unknown[] };
    properties[name] = former && values ? { ...(value as Json), enum: [...former, ...values] } : value;
  }
  const [first = [], ...others] = branches.map(({ required }) => (required ?? []) as string[]);
  return { type: "object", properties, required: first.filter((name) => others.every((required) => required.includes(name))) };
}

const quantityPattern = (z.toJSONSchema(QuantitySchema, { io: "output" }) as { pattern?: string }).pattern;
