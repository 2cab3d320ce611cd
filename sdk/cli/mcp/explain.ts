import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import {
  agentReasons,
  clusterReasons,
  conditionReasons,
  conditionTypes,
  errorCatalogue,
  eventReasons,
  factsOf,
  nearestKey,
  podReasons,
  provisionReasons,
  resourceKinds,
} from "../../contract/index.ts";
import { CliError } from "../failure.ts";

/** What a term means: one meaning for each place where it is used. */
export const ExplanationSchema = z.object({
  term: z.string(),
  meanings: z.array(
    z.object({
      /** `condition`, `reason an agent gives`, `error code`, `field of ClawInstance` … */
      of: z.string(),
      text: z.string(),
      fix: z.string().optional(),
      /** Of a field: its JSON Schema, as deep as is shown at once. */
      schema: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});
type Explanation = z.infer<typeof ExplanationSchema>;
type Meaning = Explanation["meanings"][number];

const vocabularies: readonly (readonly [of: string, names: Readonly<Record<string, string>>])[] = [
  ["condition, when it is True", conditionTypes],
  ["reason of a condition, given by the control plane", conditionReasons],
  ["reason of Ready, given by an agent", agentReasons],
  ["reason of PodReady", podReasons],
  ["reason of Provisioned, on a host", provisionReasons],
  ["reason of Reachable and ClusterReachable", clusterReasons],
  ["reason of an event", eventReasons],
];

/** @throws {CliError} for a term that nobody here uses, with the nearest one */
export async function explain(term: string): Promise<Explanation> {
  const wanted = term.trim().toLowerCase();
  const meanings: Meaning[] = [];
  for (const [of, names] of vocabularies) {
    for (const [name, text] of Object.entries(names)) {
      if (name.toLowerCase() === wanted) {
        meanings.push({ of, text });
      }
    }
  }
  for (const code of Object.keys(errorCatalogue) as (keyof typeof errorCatalogue)[]) {
    // A custom resource's condition has it as `TenantQuotaExceeded`.
    if (code === wanted || code.replaceAll(/[._]/g, "") === wanted) {
      meanings.push(await meaningOfError(code));
    }
  }
  const field = fieldOf(term.trim());
  if (field) {
    meanings.push(field);
  }
  if (meanings.length === 0) {
    const known = [...vocabularies.flatMap(([, names]) => Object.keys(names)), ...Object.keys(errorCatalogue), ...kinds];
    const nearest = nearestKey(term, known);
    throw new CliError(`'${term}' is no condition, reason, error code or field`, {
      fix: nearest ? `did you mean '${nearest}'?` : `fields are named as 'ClawInstance.spec.drift'; kinds: ${kinds.join(", ")}`,
    });
  }
  return { term, meanings };
}

/** Of the code's page, which says it to people. */
async function meaningOfError(code: keyof typeof errorCatalogue): Promise<Meaning> {
  const { title, status, retryable } = errorCatalogue[code];
  const again = retryable ? "the same request may succeed later" : "trying again unchanged does not help";
  const page = await errorPage(code);
  const [, why, fix] = /^Code .*\n\n([\s\S]*?)\n\n## What to do\n\n([\s\S]*)$/m.exec(page) ?? [];
  return {
    of: `error code, status ${status}`,
    text: `${title}: ${again}.${why === undefined ? "" : ` ${why}`}`,
    ...(fix && { fix: fix.trim() }),
  };
}

/** Pages of errors are beside the sources, and in the package. */
async function errorPage(code: string): Promise<string> {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const page = await readFile(join(folder, "docs/errors", `${code}.md`), "utf8").catch(() => undefined);
    if (page !== undefined) {
      return page;
    }
  }
  return "";
}

const kinds = resourceKinds.map(({ kind }) => kind);
type JsonSchema = Readonly<Record<string, unknown>>;

/** `ClawInstance.spec.drift` */
function fieldOf(term: string): Meaning | undefined {
  const [kindName = "", ...path] = term.replaceAll(/\[\d*\]/g, "").split(".");
  const kind = kinds.find((known) => known.toLowerCase() === kindName.toLowerCase());
  if (!kind) {
    return undefined;
  }
  const facts = factsOf(kind);
  const whole = z.toJSONSchema(path[0] === "status" ? facts.schema : facts.input, { io: "input", unrepresentable: "any" }) as JsonSchema;
  let schema: JsonSchema | undefined = whole;
  for (const key of path) {
    schema = membersOf(resolved(schema, whole))[key];
    if (!schema) {
      return undefined;
    }
  }
  const { description } = schema;
  const text = typeof description === "string" ? description : `${[kind, ...path].join(".")}; its form is in 'schema'`;
  return {
    of: path.length === 0 ? "kind" : `field of ${kind}`,
    text,
    schema: outlined(resolved(schema, whole), whole, path.length === 0 ? 1 : 2),
  };
}

function resolved(schema: JsonSchema, whole: JsonSchema): JsonSchema {
  const [, name] = /^#\/\$defs\/(.+)$/.exec(String(schema["$ref"] ?? "")) ?? [];
  return name === undefined ? schema : ((whole["$defs"] as Record<string, JsonSchema>)[name] ?? {});
}

/** The fields of an object, of the objects in a list, or of any of several forms. */
function membersOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const inner = (schema["items"] ?? schema["properties"]) as JsonSchema | undefined;
  if (schema["items"] !== undefined) {
    return membersOf(inner ?? {});
  }
  const forms = [...((schema["anyOf"] ?? []) as JsonSchema[]), ...((schema["oneOf"] ?? []) as JsonSchema[])];
  return Object.assign({}, ...forms.map(membersOf), inner);
}

/** A schema to so many levels of objects; what is deeper is asked for by its own name. */
function outlined(schema: JsonSchema, whole: JsonSchema, depth: number): JsonSchema {
  const { properties, items, $schema, $defs, ...rest } = schema as {
    properties?: Record<string, JsonSchema>;
    items?: JsonSchema;
  } & JsonSchema;
  const inner = (part: JsonSchema) => {
    const { type, description, enum: values } = resolved(part, whole);
    return depth > 0
      ? outlined(resolved(part, whole), whole, depth - 1)
      : {
          ...(type !== undefined && { type }),
          ...(description !== undefined && { description }),
          ...(values !== undefined && { enum: values }),
        };
  };
  return {
    ...rest,
    ...(properties && { properties: Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, inner(part)])) }),
    ...(items && { items: inner(items) }),
  };
}
