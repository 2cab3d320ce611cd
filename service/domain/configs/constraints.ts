import { RE2JS } from "re2js";
import { type ConfigVariable, matchesVariableType } from "../../../sdk/contract/index.ts";
import { digestOf } from "../digest.ts";

interface Problem {
  readonly message: string;
  readonly fix: string;
}

/** What of a value is not as its variable's constraints have it. It is of the variable's type. The value is never repeated: it may be secret. */
export function constraintProblem(variable: ConfigVariable, value: unknown): Problem | undefined {
  const said = whatIsWrong(variable, value);
  return said && { message: variable.message ?? `'${variable.name}' ${said.message}`, fix: said.fix };
}

function whatIsWrong(variable: ConfigVariable, value: unknown): Problem | undefined {
  const { pattern, minLength, maxLength, minimum, maximum, items, minItems, maxItems } = variable;
  if (variable.enum && !variable.enum.some((allowed) => digestOf(allowed) === digestOf(value))) {
    return {
      message: "is none of the values that its template allows",
      fix: `give one of ${variable.enum.map((allowed) => JSON.stringify(allowed)).join(", ")}`,
    };
  }
  if (typeof value === "string") {
    if (pattern !== undefined && !compiled(pattern).matcher(value).find()) {
      return { message: "does not match what its template asks for", fix: `give a text that matches ${pattern}` };
    }
    return outOf(value.length, minLength, maxLength, (limit) => `${limit} characters`);
  }
  if (typeof value === "number") {
    return outOf(value, minimum, maximum, String);
  }
  if (Array.isArray(value)) {
    const index = items === undefined ? -1 : value.findIndex((item) => !matchesVariableType(items, item));
    return index >= 0
      ? { message: `has something at ${index} that is no ${items}`, fix: `give a list of which each is a ${items}` }
      : outOf(value.length, minItems, maxItems, (limit) => `${limit} items`);
  }
  return undefined;
}

function outOf(size: number, least: number | undefined, most: number | undefined, show: (limit: number) => string): Problem | undefined {
  if (least !== undefined && size < least) {
    return { message: "is less than its template allows", fix: `give at least ${show(least)}` };
  }
  return most !== undefined && size > most ? { message: "is more than its template allows", fix: `give at most ${show(most)}` } : undefined;
}

/** Why a text is no expression, or undefined when it is one. */
export function patternProblem(pattern: string): Problem | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it can't be read";
    return { message: `is no expression of RE2: ${reason}`, fix: "write it as RE2 has it, without look-around and back-references" };
  }
}

/** Templates have few, and every instance is held to them. */
const known = new Map<string, RE2JS>();
const KNOWN_MAX = 1000;

function compiled(pattern: string): RE2JS {
  const made = known.get(pattern) ?? RE2JS.compile(pattern);
  if (known.size >= KNOWN_MAX) {
    known.clear();
  }
  known.set(pattern, made);
  return made;
}
