import { createContext, Script } from "node:vm";
import { type ASTNode, Environment, EvaluationError, type ParseResult } from "@marcbachmann/cel-js";
import { z } from "zod";
import { InstanceSpecSchema, type Issue } from "../../../sdk/contract/index.ts";

/** What an expression sees, as data of CEL. */
export type Activation = Readonly<Record<"object" | "variables", unknown>>;

/** As much of the grammar as a policy needs; what it costs is bounded when it is evaluated. */
const LIMITS = { maxAstNodes: 500, maxDepth: 40, maxListElements: 200, maxMapEntries: 200, maxCallArguments: 8 };
/** Loops inside one another. */
const LOOPS_MAX = 2;
/** Each may double a text. */
const SUMS_MAX = 20;
const LOOPS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter"]);
/** What Kubernetes' regular expressions (RE2) don't have. */
const BEYOND_RE2 = /\(\?(?![:imsUP-])|\\[1-9]/;

const environment = new Environment({ limits: LIMITS })
  .registerVariable("object", {
    schema: {
      apiVersion: "string",
      kind: "string",
      metadata: { name: "string", namespace: "string", labels: "map<string, string>", annotations: "map<string, string>" },
      spec: fieldsOf(z.toJSONSchema(InstanceSpecSchema, { io: "output", unrepresentable: "any" })),
    },
  })
  .registerVariable("variables", {
    schema: { tenant: "string", project: "string", cluster: "string", models: "list<string>", skills: "list<string>" },
  });

interface Compiled {
  readonly evaluate: ParseResult;
  /** Whether it takes no longer than its text. */
  readonly isQuick: boolean;
}

/** What is wrong with an expression, and where. */
export function expressionIssue(text: string): Issue | undefined {
  try {
    compile(text);
    return undefined;
  } catch (error) {
    const { message, fix } = error instanceof ExpressionError ? error : new ExpressionError(String(error));
    return { path: "expression", message, fix };
  }
}

class ExpressionError extends Error {
  readonly fix: string;

  constructor(message: string, fix = "correct the expression: its variables are in docs/guides/policies.md") {
    super(message);
    this.fix = fix;
  }
}

const COMPILED_MAX = 1000;
const compiled = new Map<string, Compiled>();

/** @throws {ExpressionError} */
function compile(text: string): Compiled {
  const known = compiled.get(text);
  if (known) {
    return known;
  }
  const evaluate = parsed(text);
  const { valid, type, error } = evaluate.check();
  if (!valid) {
    throw located(text, error);
  }
  if (type !== "bool" && type !== "dyn") {
    throw new ExpressionError(`comes to ${type}, not to true or false`, "compare it with something");
  }
  const made = { evaluate, isQuick: isQuick(text, evaluate.ast) };
  if (compiled.size >= COMPILED_MAX) {
    compiled.clear();
  }
  compiled.set(text, made);
  return made;
}

function parsed(text: string): ParseResult {
  try {
    return environment.parse(text);
  } catch (error) {
    throw located(text, error);
  }
}

function located(text: string, error: unknown, offset = 0): ExpressionError {
  const { summary, range } = error as { readonly summary?: string; readonly range?: { readonly start: number } };
  const said = summary ?? (error instanceof Error ? error.message : String(error));
  return new ExpressionError(range ? `${said}, at ${placeIn(text, offset + range.start)}` : said);
}

function placeIn(text: string, offset: number): string {
  const lines = text.slice(0, offset).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** @throws {ExpressionError} for what costs too much, or means something else in Kubernetes */
function isQuick(text: string, root: ASTNode): boolean {
  let isWithoutLoops = true;
  let sums = 0;
  const visit = (node: ASTNode, loops: number): void => {
    const at = () => `at ${placeIn(text, node.range.start)}`;
    const [name, receiver, args] = node.op === "rcall" ? node.args : [];
    const isLoop = name !== undefined && LOOPS.has(name);
    if (isLoop && loops === LOOPS_MAX) {
      throw new ExpressionError(`has more than ${LOOPS_MAX} loops inside one another, ${at()}`, "make two policies of it");
    }
    if (name === "bind" && receiver?.op === "id" && receiver.args === "cel") {
      throw new ExpressionError(`uses cel.bind, which Kubernetes' policies don't have, ${at()}`, "write out what it stands for");
    }
    if (name === "matches") {
      const pattern = args?.[0];
      if (pattern?.op !== "value" || typeof pattern.args !== "string" || BEYOND_RE2.test(pattern.args)) {
        const fix = "give a text, without what RE2 does not have: looking ahead or behind, and references back";
        throw new ExpressionError(`has a pattern that can't be matched everywhere alike, ${at()}`, fix);
      }
    }
    if (node.op === "call" && node.args[0] === "has") {
      assertField(text, node.args[1][0]);
    }
    sums += node.op === "+" ? 1 : 0;
    if (sums > SUMS_MAX) {
      throw new ExpressionError(`adds more than ${SUMS_MAX} times, ${at()}`, "make two policies of it");
    }
    isWithoutLoops &&= !isLoop && name !== "matches";
    for (const child of childrenOf(node)) {
      visit(child, loops + (isLoop ? 1 : 0));
    }
  };
  visit(root, 0);
  return isWithoutLoops;
}

/** The library takes any field that `has` asks about: a misspelled one would never be there. */
function assertField(text: string, field: ASTNode | undefined): void {
  let root = field;
  while (root?.op === ".") {
    root = root.args[0];
  }
  if (field && root?.op === "id" && (root.args === "object" || root.args === "variables")) {
    const { start, end } = field.range;
    const { valid, error } = environment.parse(text.slice(start, end)).check();
    if (!valid) {
      throw located(text, error, start);
    }
  }
}

function childrenOf({ args }: ASTNode): ASTNode[] {
  return [args].flat(3).filter((arg): arg is ASTNode => typeof arg === "object" && arg !== null && "op" in arg);
}

/** How long one may take: longer than any that is meant well, short enough for those who wait meanwhile. */
const TIME_MAX_MS = 50;
/** How long one that took longer is not evaluated again. */
const OVERRUN_MS = 10_000;
const overruns = new Map<string, number>();

/**
 * Why each expression is not true; undefined where it is. What can't be evaluated is not true. Once one has taken too long, others that could are not
 * tried: together they hold up everybody for no longer than one.
 */
export function faultsOf(texts: readonly string[], activation: Activation): (string | undefined)[] {
  let isOverrun = false;
  return texts.map((text) => {
    try {
      const { evaluate, isQuick: isCheap } = compile(text);
      if (!isCheap && (isOverrun || (overruns.get(text) ?? 0) > Date.now())) {
        isOverrun = true;
        return `can't be evaluated: it, or one before it, took more than ${TIME_MAX_MS} ms`;
      }
      const result: unknown = isCheap ? evaluate(activation) : inTime(() => evaluate(activation));
      return result === true ? undefined : "is not true";
    } catch (error) {
      if ((error as { code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") {
        isOverrun = true;
        noteOverrun(text);
        return `can't be evaluated: it took more than ${TIME_MAX_MS} ms`;
      }
      return `can't be evaluated: ${error instanceof EvaluationError ? error.summary : (error as Error).message}`;
    }
  });
}

function noteOverrun(text: string): void {
  if (overruns.size >= COMPILED_MAX) {
    overruns.clear();
  }
  overruns.set(text, Date.now() + OVERRUN_MS);
}

const sandbox: { work: () => unknown } = { work: () => undefined };
const call = new Script("work()");
const context = createContext(sandbox);

/** V8 ends what a script calls when its time is up, regular expressions too: there is no other way to end what does not wait. */
function inTime(work: () => unknown): unknown {
  sandbox.work = work;
  return call.runInContext(context, { timeout: TIME_MAX_MS });
}

/** JSON as data of CEL, as Kubernetes reads it: whole numbers are `int`. */
export function toCel(value: unknown): unknown {
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(toCel);
  }
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, toCel(item)]])));
}

type Fields = { [field: string]: string | Fields };
type Schema = z.core.JSONSchema.JSONSchema;

/** The types of a specification's fields. */
function fieldsOf(schema: Schema): Fields {
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, field]) => [name, typeOf(field as Schema)]));
}

function typeOf(schema: Schema): string | Fields {
  switch (schema.type) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "integer":
      return "int";
    case "number":
      return "double";
    case "array":
      return "list<dyn>";
    case "object":
      return schema.properties ? fieldsOf(schema) : "map<string, string>";
    default:
      return "dyn";
  }
}
