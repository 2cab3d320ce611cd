import type { ClawInstanceInput, Issue } from "../../../sdk/contract/index.ts";

/** A variable of a template, as a form asks for it. */
export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  readonly fallback: unknown;
  readonly choices: readonly unknown[] | undefined;
}

/** What somebody typed. */
export interface Draft {
  readonly name: string;
  readonly type: string;
  readonly template: string;
  readonly project: string;
  readonly cpu: string;
  readonly memory: string;
  readonly storage: string;
  readonly labels: string;
  /** By the variable's name; an empty text is none. */
  readonly values: Readonly<Record<string, string>>;
}

type Property = Readonly<Record<string, unknown>>;

/** The variables of a JSON Schema, those that have to be given first. */
export function variablesOf(schema: Readonly<Record<string, unknown>>): readonly Variable[] {
  const required = new Set((schema["required"] as readonly string[] | undefined) ?? []);
  return Object.entries((schema["properties"] as Readonly<Record<string, Property>> | undefined) ?? {})
    .map(([name, property]) => ({
      name,
      type: String(property["x-type"] ?? property["type"] ?? "string"),
      description: String(property["description"] ?? ""),
      isRequired: required.has(name),
      isSecret: property["writeOnly"] === true || property["format"] === "password",
      fallback: property["default"],
      choices: property["enum"] as readonly unknown[] | undefined,
    }))
    .sort((a, b) => Number(b.isRequired) - Number(a.isRequired));
}

/** A text as the variable's type has it; undefined for what is none. */
export function typedValue({ type }: Pick<Variable, "type">, text: string): unknown {
  switch (type) {
    case "number":
    case "integer":
      return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "object":
    case "array":
      return parsed(text);
    case "secretRef":
      return isName(text) ? { secretRef: text } : undefined;
    default:
      return text;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `team=red, env=prod` as labels; undefined where it is no such list. */
export function labelsOf(text: string): Readonly<Record<string, string>> | undefined {
  const pairs = text
    .split(",")
    .map((pair) => pair.trim())
    .filter(Boolean)
    .map((pair) => /^([^=\s]+)=([^=\s]*)$/.exec(pair));
  return pairs.every((pair) => pair !== null) ? Object.fromEntries(pairs.map(([, key = "", value = ""]) => [key, value])) : undefined;
}

export function isName(name: string): boolean {
  return name.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name);
}

/** What was given for the variables, and is of their types. */
export function valuesOf({ values }: Pick<Draft, "values">, variables: readonly Variable[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    variables.flatMap((variable) => {
      const text = values[variable.name] ?? "";
      const value = text === "" ? undefined : typedValue(variable, text);
      return value === undefined ? [] : [[variable.name, value]];
    }),
  );
}

/** What the service has against one of the values. */
export function faultOf(name: string, issues: readonly Issue[]): string | undefined {
  const found = issues.find(({ path }) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`));
  return found && [found.message, found.fix].filter(Boolean).join("; ");
}

/** The manifest that a draft stands for. */
export function manifestOf(draft: Draft, variables: readonly Variable[]): ClawInstanceInput {
  const overrides = Object.entries(valuesOf(draft, variables)).map(([key, value]) => ({ key, value }));
  const labels = labelsOf(draft.labels) ?? {};
  return {
    apiVersion: "clusterclaw.io/v1",
    kind: "ClawInstance",
    metadata: {
      name: draft.name,
      ...(draft.project !== "" && { project: draft.project }),
      ...(Object.keys(labels).length > 0 && { labels }),
    },
    spec: {
      type: draft.type,
      resources: { cpu: draft.cpu, memory: draft.memory },
      storage: { size: draft.storage },
      ...((draft.template !== "" || overrides.length > 0) && {
        config: { ...(draft.template !== "" && { template: draft.template }), ...(overrides.length > 0 && { overrides }) },
      }),
    },
  } as ClawInstanceInput;
}
