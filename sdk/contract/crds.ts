import { z } from "zod";
import { ConditionType } from "./conditions.ts";
import { ConfigTemplateSpecSchema } from "./config-template.ts";
import { InstanceSpecSchema, InstanceStatusSchema } from "./instance.ts";
import { API_VERSION, ConditionSchema, QuantitySchema } from "./meta.ts";
import { TenantSpecSchema } from "./tenant.ts";

type Json = { [key: string]: unknown };

function conditionPath(type: ConditionType, field: "status" | "reason"): string {
  return `.status.conditions[?(@.type=="${type}")].${field}`;
}

interface Rule {
  readonly rule: string;
  readonly message: string;
}

/** What a custom resource and the control plane's resource last agreed on. */
export const CarriedSchema = z.object({
  /** The id of the cluster's registration: what another control plane carried is news to this one. */
  cluster: z.string(),
  uid: z.string(),
  /** Digests of the labels, annotations and specification on either side: the side that is not as its digest says has been edited. */
  inCluster: z.string(),
  inControlPlane: z.string(),
});
const carriedStatus = {
  /** The custom resource's own generation that was carried last: for people and tools. */
  observedGeneration: z.int().optional(),
  carried: CarriedSchema.optional(),
  conditions: z.array(ConditionSchema).optional(),
};

const definitions = [
  {
    kind: "ClawInstance",
    plural: "clawinstances",
    shortNames: ["claw", "claws"],
    scope: "Namespaced",
    spec: InstanceSpecSchema,
    status: InstanceStatusSchema.omit({ usage: true }).partial().extend(carriedStatus),
    columns: [
      ["Type", "string", ".spec.type"],
      ["Phase", "string", ".status.phase"],
      ["Ready", "string", conditionPath(ConditionType.Ready, "status")],
      ["Restarts", "integer", ".status.restarts"],
      ["Cluster", "string", ".status.cluster"],
      ["Reason", "string", conditionPath(ConditionType.Ready, "reason"), 1],
      ["Version", "string", ".status.version", 1],
      ["Template", "string", ".spec.config.template", 1],
    ],
    rules: {
      spec: [{ rule: "self.type.lowerAscii() == oldSelf.type.lowerAscii()", message: "an instance can't change its type; create another" }],
      "spec.placement": [{ rule: "has(self.cluster) != has(self.selector)", message: "give either 'cluster' or 'selector'" }],
    },
    keys: { "spec.config.overrides": "key" },
  },
  {
    kind: "ConfigTemplate",
    plural: "configtemplates",
    shortNames: ["clawtemplate"],
    scope: "Namespaced",
    spec: ConfigTemplateSpecSchema,
    status: z.object({ publishedVersion: z.int().optional(), dirty: z.boolean().optional(), ...carriedStatus }),
    columns: [
      ["Adapter", "string", ".spec.adapter"],
      ["Published", "integer", ".status.publishedVersion"],
      ["Accepted", "string", conditionPath(ConditionType.Accepted, "status")],
    ],
    rules: {},
    keys: { "spec.variables": "name" },
  },
  {
    kind: "Tenant",
    plural: "tenants",
    shortNames: ["clawtenant"],
    scope: "Cluster",
    spec: TenantSpecSchema,
    status: z.object({ instances: z.int().optional(), ...carriedStatus }),
    columns: [
      ["Instances", "integer", ".status.instances"],
      ["Quota", "integer", ".spec.quota.instances"],
      ["Accepted", "string", conditionPath(ConditionType.Accepted, "status")],
    ],
    rules: { "spec.placement": [{ rule: "has(self.cluster) != has(self.selector)", message: "give either 'cluster' or 'selector'" }] },
    keys: { "spec.policies": "name" },
  },
] as const;

const NAME_RULE: Rule = {
  rule: "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')",
  message: "the name must be a DNS label: at most 63 lower-case letters, digits and '-'",
};

/**
 * The CustomResourceDefinitions of what may be written to a cluster, made of the contract's schemas: what the API server refuses is what
 * the control plane would. Defaults are the control plane's business, so that a stored resource says what its author said.
 */
export function customResourceDefinitions(): Json[] {
  const [group = "", version = ""] = API_VERSION.split("/");
  return definitions.map(({ kind, plural, shortNames, scope, spec, status, columns, rules, keys }) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames, categories: ["clusterclaw"] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            ...columns.map(([name, type, jsonPath, priority]) => ({ name, type, jsonPath, ...(priority !== undefined && { priority }) })),
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
  }));
}

function structural(
  schema: z.ZodType,
  path: string,
  rules: Readonly<Record<string, readonly Rule[]>>,
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
  rules: Readonly<Record<string, readonly Rule[]>>,
  keys: Readonly<Record<string, string>>,
): Json {
  const inner = (value: unknown, name: string) => toStructural(value as Json, `${path}.${name}`, rules, keys);
  const { properties, items, additionalProperties, anyOf } = schema;
  if (Array.isArray(anyOf) && anyOf.length === 2) {
    return {
      "x-kubernetes-int-or-string": true,
      anyOf: [{ type: "integer" }, { type: "string" }],
      pattern: quantityPattern,
      maxLength: 32,
    };
  }
  if (schema["type"] === undefined) {
    // Any JSON.
    return { "x-kubernetes-preserve-unknown-fields": true };
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

const quantityPattern = (z.toJSONSchema(QuantitySchema, { io: "output" }) as { pattern?: string }).pattern;
