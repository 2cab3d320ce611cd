import type { CheckFailure } from "../../engine/contract/provider.ts";
import { hasUnknowns, isObject, type PropertyMap, type PropertyValue } from "../../engine/contract/values.ts";
import { at, type KubeObject, listAt, mapAt, textAt } from "../../kubernetes/client/objects.ts";
import { joinPath } from "../properties.ts";
import type { Schemas } from "./cluster.ts";

/** Compares an object with the server's schema of its kind: unknown fields, wrong types, missing ones. Unknown values fit everywhere. */
export function validate(object: KubeObject, schema: PropertyMap, schemas: Schemas): CheckFailure[] {
  const failures: CheckFailure[] = [];
  check(object, schema, "");
  return failures;

  function fail(property: string, reason: string): void {
    failures.push({ property, reason });
  }

  function check(value: PropertyValue, given: PropertyMap, path: string): void {
    const known = resolve(given, schemas);
    if (value === null || (typeof value === "string" && hasUnknowns(value))) {
      return;
    }
    const type = typeOf(known);
    if (type === "int-or-string") {
      if (typeof value !== "string" && typeof value !== "number") {
        fail(path, `must be a number or a string, not ${described(value)}`);
      }
    } else if (type === "array") {
      if (!Array.isArray(value)) {
        fail(path, `must be a list, not ${described(value)}`);
        return;
      }
      for (const [index, item] of value.entries()) {
        check(item, mapAt(known, "items"), `${path}[${index}]`);
      }
    } else if (type === "object") {
      if (!isObject(value)) {
        fail(path, `must be an object, not ${described(value)}`);
        return;
      }
      checkMap(value, known, path);
    } else if (type !== "" && !isOfType(value, type)) {
      fail(path, `must be ${articles[type] ?? type}, not ${described(value)}`);
    }
    const allowed = listAt(known, "enum");
    if (allowed.length > 0 && typeof value === "string" && !allowed.includes(value)) {
      fail(path, `must be one of ${allowed.map((each) => `"${each}"`).join(", ")}, not "${value}"`);
    }
  }

  function checkMap(value: PropertyMap, known: PropertyMap, path: string): void {
    const properties = mapAt(known, "properties");
    const others = at(known, "additionalProperties");
    const isOpen = at(known, "x-kubernetes-preserve-unknown-fields") === true || Object.keys(properties).length === 0;
    for (const [key, item] of Object.entries(value)) {
      const own = properties[key];
      if (isObject(own)) {
        check(item, own, joinPath(path, key));
      } else if (isObject(others)) {
        check(item, others, joinPath(path, key));
      } else if (others !== true && !isOpen && item !== null) {
        fail(joinPath(path, key), "unknown field");
      }
    }
    for (const required of listAt(known, "required")) {
      const key = String(required);
      // An empty text is the default of every text field of the built-in kinds: the zero of the language they are written in.
      const isDefaulted = (at(properties, key, "default") ?? "") !== "";
      if ((value[key] ?? null) === null && !isDefaulted) {
        fail(joinPath(path, key), "is required");
      }
    }
  }
}

const articles: Readonly<Record<string, string>> = {
  integer: "an integer",
  number: "a number",
  boolean: "true or false",
  string: "a string",
};

function resolve(schema: PropertyMap, schemas: Schemas): PropertyMap {
  const reference = textAt(schema, "$ref") || textAt(schema, "allOf", 0, "$ref");
  return reference === "" ? schema : mapAt(schemas.byName, reference.split("/").at(-1) ?? "");
}

function typeOf(schema: PropertyMap): string {
  if (schema["x-kubernetes-int-or-string"] === true || schema["format"] === "int-or-string" || "oneOf" in schema) {
    return "int-or-string";
  }
  return textAt(schema, "type");
}

function isOfType(value: PropertyValue, type: string): boolean {
  return type === "integer" ? Number.isInteger(value) : typeof value === type;
}

function described(value: PropertyValue): string {
  return Array.isArray(value) ? "a list" : isObject(value) ? "an object" : JSON.stringify(value);
}
