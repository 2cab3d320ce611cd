import { z } from "zod";
import { formatConfigKey } from "./config-key.ts";
import type { Issue } from "./errors.ts";
import { nearestKey, unknownKeyFix } from "./nearest-key.ts";

/** More than anybody reads: a request may be wrong in a hundred thousand places. */
const ISSUES_MAX = 100;
const GIVEN_LENGTH_MAX = 80;

/** What is wrong by a schema's own judgement, each with its path, the reason and what to do. @param input what was parsed */
export function issuesOf(schema: z.ZodType, error: z.core.$ZodError, input: unknown): Issue[] {
  return error.issues
    .slice(0, ISSUES_MAX)
    .flatMap((issue) => describe(issue, schema, input))
    .slice(0, ISSUES_MAX);
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, input: unknown): Issue[] {
  const path = formatPath(issue.path);
  const message = issue.message.replace(/^Invalid (input|option): /, "");
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.slice(0, ISSUES_MAX).map((key) => ({
        path: formatPath([...issue.path, clip(key)]),
        message: `unknown key '${clip(key)}'`,
        fix: unknownKeyFix(key, knownKeys(schema, issue.path, input)),
      }));
    case "invalid_union": {
      const given = valueAt(input, issue.path);
      if (issue.discriminator !== undefined) {
        const options = ((issue as { options?: readonly unknown[] }).options ?? []).map(String);
        return [given === undefined ? { path, message: "is required", fix: oneOf(options) } : notOneOf(path, given, options)];
      }
      if (given === undefined) {
        return [{ path, message: "is required", fix: "give a value" }];
      }
      // A union with a message of its own says what is wanted; else whatever its members say.
      return issue.message !== "Invalid input" || issue.errors.length === 0
        ? [{ path, message, fix: "correct the value" }]
        : issue.errors.flat().flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] }, schema, input));
    }
    case "invalid_key": {
      const [key, ...holders] = issue.path.toReversed();
      const inner = { path: [...holders.toReversed(), clip(String(key))] };
      return issue.issues.flatMap((what) => describe({ ...what, ...inner }, schema, input));
    }
    case "invalid_value": {
      const given = valueAt(input, issue.path);
      const options = issue.values.map(String);
      return [given === undefined ? { path, message: "is required", fix: oneOf(options) } : notOneOf(path, given, options)];
    }
    case "invalid_type":
      return [
        { path, message: valueAt(input, issue.path) === undefined ? "is required" : message, fix: `give ${withArticle(issue.expected)}` },
      ];
    case "too_big":
      return [{ path, message, fix: `give at most ${issue.maximum}` }];
    case "too_small":
      return [{ path, message, fix: `give at least ${issue.minimum}` }];
    default:
      return [{ path, message, fix: fixOf(issue) ?? "correct the value" }];
  }
}

/** What a check of our own says to do. */
function fixOf(issue: z.core.$ZodIssue): string | undefined {
  const fix: unknown = issue.code === "custom" ? issue.params?.["fix"] : undefined;
  return typeof fix === "string" ? fix : undefined;
}

function notOneOf(path: string, given: unknown, options: readonly string[]): Issue {
  const nearest = typeof given === "string" ? nearestKey(given, options) : undefined;
  const fix = nearest === undefined ? oneOf(options) : `did you mean '${nearest}'?`;
  return { path, message: `${clip(JSON.stringify(given))} is not one of ${options.join(", ")}`, fix };
}

function clip(text: string): string {
  return text.length > GIVEN_LENGTH_MAX ? `${text.slice(0, GIVEN_LENGTH_MAX)}…` : text;
}

function oneOf(options: readonly string[]): string {
  return options.length === 1 ? `write '${options[0]}'` : `use one of ${options.join(", ")}`;
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** `spec.overrides[0].key` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, segment) => (typeof segment === "number" ? `${text}[${segment}]` : formatConfigKey([String(segment)], text)),
    "",
  );
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), input);
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

/** Keys that the schema has where an unknown one was found. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[], input: unknown): string[] {
  let schemas = objectsOf(schema, input);
  let value = input;
  for (const segment of path) {
    value = valueAt(value, [segment]);
    schemas = schemas.flatMap((parent) => {
      const child =
        parent instanceof z.ZodArray ? parent.element : parent instanceof z.ZodRecord ? parent.valueType : parent.shape[String(segment)];
      return child === undefined ? [] : objectsOf(child as z.ZodType, value);
    });
  }
  return [...new Set(schemas.flatMap((item) => (item instanceof z.ZodObject ? Object.keys(item.shape) : [])))];
}

/** The schemas with members that a schema comes down to; of a discriminated union, the one that the input names. */
function objectsOf(schema: z.ZodType, input: unknown): (z.ZodObject | z.ZodArray | z.ZodRecord)[] {
  if (schema instanceof z.ZodObject || schema instanceof z.ZodArray || schema instanceof z.ZodRecord) {
    return [schema];
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = schema.def;
    const options = (schema.options as z.ZodObject[]).filter(
      (option) => (option.shape[discriminator] as z.ZodType).safeParse(valueAt(input, [discriminator])).success,
    );
    return options.flatMap((option) => objectsOf(option, input));
  }
  if (schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).flatMap((option) => objectsOf(option, input));
  }
  if (schema instanceof z.ZodIntersection) {
    return [schema.def.left, schema.def.right].flatMap((side) => objectsOf(side as z.ZodType, input));
  }
  if (schema instanceof z.ZodPipe) {
    return objectsOf(schema.in as z.ZodType, input);
  }
  return schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
    ? objectsOf(schema.unwrap() as z.ZodType, input)
    : [];
}
