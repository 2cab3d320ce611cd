import {
  type AuditRules,
  auditedMetadata,
  factsOf,
  type ManifestKind,
  type PropertyDiff,
  redact,
  SECRET_MASK,
} from "../../../sdk/contract/index.ts";
import { diffValues } from "../diff.ts";
import type { StoredResource } from "../resource.ts";

/** What one record holds of differences, and of one of them. */
const DIFFS_MAX = 64;
const TEXT_MAX = 1024;

/** What a change of a resource is to the audit log. */
export interface AuditedDiff {
  readonly diff: readonly PropertyDiff[];
  /** How many more there were. */
  readonly cut: number;
}

/** The differences that the table of audited fields tells of, without a secret in them. */
export function auditedDiff(kind: ManifestKind, before: StoredResource | undefined, after: StoredResource | undefined): AuditedDiff {
  const rules: AuditRules = { metadata: auditedMetadata, spec: factsOf(kind).audited };
  const view = (resource: StoredResource | undefined) =>
    resource && byRules(rules, { metadata: { labels: resource.labels, annotations: resource.annotations }, spec: resource.spec });
  return bounded(diffValues(view(before), view(after)));
}

/** Differences as a record holds them. */
export function bounded(diffs: readonly PropertyDiff[]): AuditedDiff {
  return { diff: diffs.slice(0, DIFFS_MAX).map(shortened), cut: Math.max(0, diffs.length - DIFFS_MAX) };
}

/** A copy of what is told of a value. A secret is sealed in it, for the comparison alone: it is masked in what that says. */
function byRules(rules: AuditRules, value: unknown): unknown {
  if (value === undefined || rules === "ignore") {
    return undefined;
  }
  if (rules === "secret") {
    return isEmpty(value) ? undefined : { $sealed: JSON.stringify(value) };
  }
  if (rules === "track" || typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => byRules(rules, item));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, byRules(rules[key] ?? "secret", item)]));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Cut before it is looked through for what may be a secret, and what the cut may have left of one goes with it. */
function shortened({ path, kind, before, after }: PropertyDiff): PropertyDiff {
  return {
    path: shortText(path),
    kind,
    ...(before !== undefined && { before: shortText(before) }),
    ...(after !== undefined && { after: shortText(after) }),
  };
}

/** What a terminal would obey, and not show: names that are refused are whoever's who asked. Lines and tabs are text. */
const CONTROL = /(?!\r\n)[^\P{Cc}\n\t]/gu;

/** A text as a record may hold it: without what looks like a credential, and no longer than there is room. */
export function shortText(text: string, max = TEXT_MAX): string {
  if (text === SECRET_MASK) {
    return text;
  }
  const clean = redact(text.length > 4 * max ? text.slice(0, 4 * max) : text);
  const short = clean.length > max ? `${clean.slice(0, max - 1)}…` : clean;
  return short.replaceAll(CONTROL, "\uFFFD").toWellFormed();
}
