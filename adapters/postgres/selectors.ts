import { ClawError } from "../../sdk/contract/index.ts";

/** One term of a label selector, in Kubernetes' grammar. */
export type LabelTerm =
  | { readonly key: string; readonly operator: "exists" | "absent" }
  | { readonly key: string; readonly operator: "in" | "notin"; readonly values: readonly string[] };

export interface FieldTerm {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

const KEY = "[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?";
const VALUE = "([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?";
const equality = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const membership = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const existence = new RegExp(`^(!?)\\s*(${KEY})$`);
const labelValue = new RegExp(`^${VALUE}$`);

/** Parses `team=red,env!=prod,tier in (a,b),gpu,!spot`. @throws {ClawError} `request.invalid` */
export function parseLabelSelector(selector: string): LabelTerm[] {
  // Commas inside parentheses belong to a set.
  return selector.split(/,(?![^(]*\))/).map((part) => parseLabelTerm(part.trim()));
}

function parseLabelTerm(term: string): LabelTerm {
  const equal = equality.exec(term);
  if (equal) {
    return { key: equal[1] ?? "", operator: equal[3] === "!=" ? "notin" : "in", values: [equal[4] ?? ""] };
  }
  const member = membership.exec(term);
  if (member) {
    const values = (member[4] ?? "").split(",").map((item) => item.trim());
    const wrong = values.find((item) => !labelValue.test(item));
    if (wrong === undefined) {
      return { key: member[1] ?? "", operator: member[3] === "in" ? "in" : "notin", values };
    }
  }
  const exist = existence.exec(term);
  if (exist) {
    return { key: exist[2] ?? "", operator: exist[1] === "!" ? "absent" : "exists" };
  }
  throw invalidQuery(
    "labelSelector",
    `'${term}' is not a label selector term`,
    "use terms such as 'team=red', 'env!=prod', 'tier in (a,b)', 'tier notin (a,b)', 'gpu' or '!gpu', joined by commas",
  );
}

/** Parses `status.phase=Running,spec.type!=OpenClaw`. @throws {ClawError} `request.invalid` */
export function parseFieldSelector(selector: string): FieldTerm[] {
  return selector.split(",").map((part) => {
    const match = /^([A-Za-z.]+)\s*(==|=|!=)\s*(\S.*|)$/.exec(part.trim());
    if (!match) {
      throw invalidQuery(
        "fieldSelector",
        `'${part.trim()}' is not a field selector term`,
        "use terms such as 'status.phase=Running' or 'spec.type!=OpenClaw', joined by commas",
      );
    }
    return { field: match[1] ?? "", operator: match[2] === "!=" ? "!=" : "=", value: match[3] ?? "" };
  });
}

export function invalidQuery(path: string, message: string, fix: string): ClawError {
  return new ClawError("request.invalid", `${path}: ${message}; ${fix}`, { issues: [{ path, message, fix }] });
}
