import { annotationOf, at, type KubeObject } from "../../kubernetes/client/objects.ts";
import { hasCondition, type Readiness } from "./readiness.ts";

type Rule = { readonly isReady: (object: KubeObject) => Readiness; readonly related?: undefined };

/** What the annotation `pulumi.com/waitFor` asks to wait for: one expression or a JSON list of them; undefined when there is none. */
export function waitForRule(inputs: KubeObject): Rule | undefined {
  const text = annotationOf(inputs, "pulumi.com/waitFor");
  if (text === "") {
    return undefined;
  }
  const expressions = text.startsWith("[") ? (JSON.parse(text) as string[]) : [text];
  const conditions = expressions.map((expression) => ({ expression, holds: parseExpression(expression) }));
  return {
    isReady: (object) => {
      const missing = conditions.find(({ holds }) => !holds(object));
      return missing ? { ready: false, reason: `${missing.expression} does not hold` } : { ready: true };
    },
  };
}

function parseExpression(expression: string): (object: KubeObject) => boolean {
  const condition = /^condition=([^=]+)(?:=(.+))?$/.exec(expression);
  if (condition) {
    return (object) => hasCondition(object, condition[1] ?? "", condition[2] ?? "True");
  }
  const jsonPath = /^jsonpath=\{\.?([^}]+)\}(?:=(.*))?$/.exec(expression);
  if (!jsonPath) {
    throw new Error(`pulumi.com/waitFor: expected a "jsonpath=" or "condition=" prefix, got "${expression}"`);
  }
  const path = (jsonPath[1] ?? "").split(/\.|(?=\[)/).map((step) => (/^\[\d+\]$/.test(step) ? Number(step.slice(1, -1)) : step));
  return (object) => {
    const found = at(object, ...path);
    return jsonPath[2] === undefined ? found !== undefined : String(found) === jsonPath[2];
  };
}
