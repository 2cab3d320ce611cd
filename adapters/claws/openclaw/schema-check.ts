import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { formatConfigKey, unknownKeyFix } from "../../../sdk/contract/index.ts";
import type { ClawIssue } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree } from "../../../service/domain/configs/config-path.ts";

type Schema = Readonly<Record<string, unknown>>;

const OPTIONS = {
  strict: false,
  allErrors: true,
  logger: false,
  validateSchema: false,
  formats: { uri: (text: string) => text.includes("${") || URL.canParse(text) },
} as const;

/** Keywords of object nodes that are walked here rather than compiled. */
const WALKED = new Set([
  "$schema",
  "type",
  "properties",
  "additionalProperties",
  "required",
  "propertyNames",
  "title",
  "description",
  "default",
]);

/**
 * Checks a config against OpenClaw's own JSON schema. The schema is 2.4 MB and compiling all of it costs seconds and hundreds of MB,
 * so objects and lists are walked here and only the leaves that a config uses are compiled.
 */
export class SchemaCheck {
  readonly #schema: Schema;
  readonly #compiled = new WeakMap<Schema, ValidateFunction>();
  /** Keys that users may mean besides OpenClaw's, by the path that they are beneath. */
  readonly #unifiedKeys: Readonly<Record<string, readonly string[]>>;

  constructor(schema: Schema, unifiedKeys: Readonly<Record<string, readonly string[]>>) {
    this.#schema = schema;
    this.#unifiedKeys = unifiedKeys;
  }

  issuesOf(config: unknown): ClawIssue[] {
    return [...this.#walk(this.#schema, config, "")];
  }

  *#walk(schema: Schema, value: unknown, path: string): Iterable<ClawIssue> {
    if (isWalkedObject(schema) && isTree(value)) {
      yield* this.#walkObject(schema, value, path);
    } else if (schema["type"] === "array" && isTree(schema["items"]) && Array.isArray(value)) {
      yield* this.#leaf({ ...schema, items: {} }, value, path, schema);
      for (const [index, item] of value.entries()) {
        yield* this.#walk(schema["items"], item, join(path, String(index)));
      }
    } else {
      yield* this.#leaf(schema, value, path);
    }
  }

  *#walkObject(schema: Schema, value: Readonly<Record<string, unknown>>, path: string): Iterable<ClawIssue> {
    const properties = isTree(schema["properties"]) ? schema["properties"] : {};
    const additional = schema["additionalProperties"];
    const names = isTree(schema["propertyNames"]) ? schema["propertyNames"] : {};
    for (const [key, item] of Object.entries(value)) {
      yield* this.#leaf(names, key, join(path, key));
      const known = Object.hasOwn(properties, key) ? properties[key] : isTree(additional) ? additional : undefined;
      if (isTree(known)) {
        yield* this.#walk(known, item, join(path, key));
      } else if (additional === false) {
        const candidates = [...Object.keys(properties), ...(this.#unifiedKeys[path] ?? [])];
        yield { path: join(path, key), message: `unknown key '${key}'`, fix: unknownKeyFix(key, candidates), isHopeless: true };
      }
    }
    for (const key of requiredKeys(schema, properties)) {
      if (!Object.hasOwn(value, key)) {
        yield { path: join(path, key), message: "is required", fix: "set it" };
      }
    }
  }

  *#leaf(schema: Schema, value: unknown, path: string, cacheKey: Schema = schema): Iterable<ClawIssue> {
    const validate = this.#compile(schema, cacheKey);
    if (validate(value)) {
      return;
    }
    const branches = unionOf(schema);
    const ofSameType = branches.filter((branch) => typesOf(branch).includes(typeOf(value)));
    const [branch] = ofSameType;
    if (branch && ofSameType.length === 1 && typeof value === "object") {
      yield* this.#walk(branch, value, path);
      return;
    }
    if (branches.length > 0) {
      yield { path, ...unionProblem(branches, value) };
      return;
    }
    for (const error of validate.errors ?? []) {
      yield issueOf(error, path);
    }
  }

  #compile(schema: Schema, cacheKey: Schema): ValidateFunction {
    let validate = this.#compiled.get(cacheKey);
    if (!validate) {
      validate = new Ajv(OPTIONS).compile(standalone(schema));
      this.#compiled.set(cacheKey, validate);
    }
    return validate;
  }
}

function isWalkedObject(schema: Schema): boolean {
  return schema["type"] === "object" && Object.keys(schema).every((keyword) => WALKED.has(keyword));
}

/** The schema describes configs after defaults were filled in: what has a default may be absent from a file. */
function requiredKeys(schema: Schema, properties: Schema): string[] {
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return required.filter((key): key is string => {
    const property = typeof key === "string" ? properties[key] : undefined;
    return typeof key === "string" && !(isTree(property) && "default" in property);
  });
}

/** A copy that can be compiled on its own: references resolve within the part that has the definitions. */
function standalone(schema: Schema): Schema {
  let parts = 0;
  const copy = (node: unknown): unknown => {
    if (Array.isArray(node)) {
      return node.map(copy);
    }
    if (!isTree(node)) {
      return node;
    }
    const { $schema: _, ...rest } = node;
    const copied = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, copy(item)]));
    if (isTree(node["$defs"])) {
      copied["$id"] = `part-${parts++}.json`;
    }
    if (Array.isArray(node["required"]) && isTree(node["properties"])) {
      copied["required"] = requiredKeys(node, node["properties"]);
    }
    return copied;
  };
  return copy(schema) as Schema;
}

function unionOf(schema: Schema): Schema[] {
  const union = schema["anyOf"] ?? schema["oneOf"];
  if (!Array.isArray(union)) {
    return [];
  }
  return union.filter(isTree).flatMap((branch) => {
    const inner = unionOf(branch);
    return inner.length > 0 ? inner : [branch];
  });
}

function unionProblem(branches: readonly Schema[], value: unknown): { message: string; fix: string } {
  const allowed = branches.flatMap((branch) =>
    Array.isArray(branch["enum"]) ? branch["enum"] : "const" in branch ? [branch["const"]] : [],
  );
  const types = branches.filter((branch) => !("const" in branch || "enum" in branch)).flatMap(typesOf);
  const choices = [...new Set([...allowed.map((item) => JSON.stringify(item)), ...types.map(withArticle)])];
  if (types.includes(typeOf(value))) {
    return { message: "is not of a form that is understood", fix: `give ${choices.join(" or ")} as the reference describes it` };
  }
  // Only where a fixed word is expected can the value be shown: elsewhere it may be a secret.
  const found = types.length === 0 ? describe(value) : withArticle(typeOf(value));
  return { message: `is ${found}`, fix: `give ${choices.join(" or ")}` };
}

function issueOf(error: ErrorObject, path: string): ClawIssue {
  const inner = error.instancePath
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const at = inner.reduce(join, path);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "type":
      return { path: at, message: `must be ${withArticle(String(params["type"]))}`, fix: `give ${withArticle(String(params["type"]))}` };
    case "enum":
      return { path: at, message: "is not one of its values", fix: `give ${listOf(params["allowedValues"])}` };
    case "const":
      return {
        path: at,
        message: `must be ${JSON.stringify(params["allowedValue"])}`,
        fix: `give ${JSON.stringify(params["allowedValue"])}`,
      };
    case "additionalProperties":
      return {
        path: join(at, String(params["additionalProperty"])),
        message: `unknown key '${params["additionalProperty"]}'`,
        fix: "remove it",
        isHopeless: true,
      };
    case "required":
      return { path: join(at, String(params["missingProperty"])), message: "is required", fix: "set it" };
    default:
      return { path: at, message: error.message ?? "is not valid", fix: "see OpenClaw's configuration reference" };
  }
}

function listOf(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => JSON.stringify(value)).join(", ") : String(values);
}

function typesOf(schema: Schema): string[] {
  const type = schema["type"];
  return Array.isArray(type) ? type.map(String) : typeof type === "string" ? [type === "integer" ? "number" : type] : [];
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

function describe(value: unknown): string {
  return typeof value === "object" ? withArticle(typeOf(value)) : JSON.stringify(value);
}

function withArticle(type: string): string {
  return type === "null" ? type : `${/^[aeiou]/.test(type) ? "an" : "a"} ${type === "string" ? "text" : type}`;
}

function join(path: string, key: string): string {
  return formatConfigKey([key], path);
}
