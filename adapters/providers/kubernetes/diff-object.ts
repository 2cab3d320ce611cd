import { findPath, pathContains } from "../../engine/contract/property-path.ts";
import type { DiffKind, DiffResult } from "../../engine/contract/provider.ts";
import { hasUnknowns } from "../../engine/contract/values.ts";
import { ApiError } from "../../kubernetes/client/api-errors.ts";
import { hasAnnotation, type KubeObject, nameOf, namespaceOf } from "../../kubernetes/client/objects.ts";
import { type Change, changesBetween, isWithin, isWithoutEffect, toPropertyPath } from "./changes.ts";
import { knownImmutable, type Mutability, replacesAlways, replacesLearned } from "./immutable.ts";
import { inNamespace } from "./naming.ts";

export interface DiffQuestion {
  readonly olds: KubeObject;
  readonly news: KubeObject;
  /** What the server stored when it was asked last. */
  readonly live: KubeObject;
  readonly ignoreChanges: readonly string[];
  readonly mutability: Mutability;
  /** What the server would store. Asked only when something was declared otherwise than before. */
  readonly plan: () => Promise<KubeObject>;
}

/**
 * What a change of the declaration changes in the cluster. The server is asked by a dry run, so that other spellings of the same
 * (`1000m` and `1`, a default written out) are no changes, and so that it says itself what can't be changed in place.
 */
export async function diffObject({ olds, news, live, ignoreChanges, mutability, plan }: DiffQuestion): Promise<DiffResult> {
  const resource = { isNamespaced: namespaceOf(live) !== "" };
  const ignored = ignoreChanges.flatMap((text) => [findPath(text) ?? []]).filter((path) => path.length > 0);
  let changes = changesBetween(inNamespace(olds, resource), inNamespace(news, resource)).filter(
    ({ path }) => !ignored.some((outer) => pathContains(outer, path)),
  );
  const always = replacesAlways(news, mutability);
  const isReplaced = ({ path }: Change, fields: readonly string[]) => fields.some((field) => isWithin(toPropertyPath(path), field));
  let replaced = changes.filter((change) => isReplaced(change, always));
  const isOther = nameOf(news) !== nameOf(live) || changes.some((change) => isReplaced(change, ["metadata.name", "metadata.namespace"]));
  if (changes.length > 0 && !isOther) {
    const answer = hasUnknowns(news) ? undefined : await plan().catch((error: unknown) => (error instanceof Error ? error : undefined));
    if (answer === undefined || answer instanceof Error) {
      // A refusal may name another field than the one that can't be changed, so what is known anyway counts too.
      const learned = answer instanceof ApiError ? replacesLearned(answer, changes) : [];
      replaced = changes.filter((change) => isReplaced(change, [...always, ...knownImmutable(news)]) || learned.includes(change));
    } else {
      changes = changes.filter((change) => !isWithoutEffect(change, news, live, answer));
    }
  }
  const detailedDiff: Record<string, { kind: DiffKind; inputDiff: boolean }> = {};
  for (const change of changes) {
    const kind = replaced.includes(change) ? (`${change.kind}-replace` as const) : change.kind;
    detailedDiff[toPropertyPath(change.path)] = { kind, inputDiff: true };
  }
  const paths = Object.keys(detailedDiff);
  const replaces = paths.filter((path) => detailedDiff[path]?.kind.endsWith("-replace"));
  return {
    changes: paths.length === 0 ? "none" : "some",
    replaces,
    diffs: [...new Set(changes.map(({ path }) => String(path[0])))],
    detailedDiff,
    // Two objects of one name can't exist at once.
    deleteBeforeReplace: replaces.length > 0 && !hasAnnotation(news, "pulumi.com/autonamed") && isSameObject(news, live),
  };
}

function isSameObject(news: KubeObject, live: KubeObject): boolean {
  return nameOf(news) === nameOf(live) && (namespaceOf(news) || "default") === (namespaceOf(live) || "default");
}
