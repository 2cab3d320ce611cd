import type { ManifestKind } from "../contract/index.ts";
import { usageError } from "./failure.ts";
import { roleBindingKind, roleKind, serviceAccountKind } from "./kinds/access.ts";
import { clawTypeKind } from "./kinds/claw-type.ts";
import { clusterKind } from "./kinds/cluster.ts";
import { configKind } from "./kinds/config-template.ts";
import { valuesKind } from "./kinds/config-values.ts";
import { instanceKind } from "./kinds/instance.ts";
import type { ResourceKind } from "./kinds/kind.ts";
import { policyKind } from "./kinds/policy.ts";
import { projectKind } from "./kinds/project.ts";
import { rolloutKind } from "./kinds/rollout.ts";
import { secretKind } from "./kinds/secret.ts";
import { tenantKind } from "./kinds/tenant.ts";

/** In the order of writing, each after what it needs: the contract's list without its schemas, to which a test holds it. */
export const resourceKinds: readonly ResourceKind[] = [
  clusterKind,
  tenantKind,
  projectKind,
  serviceAccountKind,
  roleKind,
  roleBindingKind,
  policyKind,
  clawTypeKind,
  secretKind,
  configKind,
  instanceKind,
  valuesKind,
  rolloutKind,
];

const byKind = new Map(resourceKinds.map((kind) => [kind.kind, kind]));

/** The kind that a manifest's `kind` names. */
export function kindOf(kind: ManifestKind): ResourceKind {
  return byKind.get(kind) as ResourceKind;
}

/** A kind's place in the order of writing. */
export function writeRank(kind: ManifestKind): number {
  return resourceKinds.findIndex((known) => known.kind === kind);
}

/** The kind that a word of the command line names, if any. */
export function findKind(word: string): ResourceKind | undefined {
  const wanted = word.toLowerCase();
  return resourceKinds.find((kind) => kind.word === wanted || kind.aliases.includes(wanted));
}

/** A kind, and a name unless all of the kind are meant. */
export interface Reference {
  readonly kind: ResourceKind;
  readonly name: string | undefined;
}

/**
 * Reads `instance web bot`, `instance/web config/base`, or `instances`.
 * @param fallback the kind of names that come without one
 */
export function parseReferences(words: readonly string[], fallback?: ResourceKind): Reference[] {
  const [first, ...rest] = words;
  const leading = first === undefined || first.includes("/") ? undefined : findKind(first);
  if (leading && (rest.length > 0 || !fallback)) {
    return rest.length === 0 ? [{ kind: leading, name: undefined }] : rest.map((name) => ({ kind: leading, name }));
  }
  return words.map((word) => {
    const [kindWord = "", name, ...more] = word.split("/");
    if (name === undefined && fallback) {
      return { kind: fallback, name: word };
    }
    const kind = findKind(kindWord);
    if (!kind || !name || more.length > 0) {
      throw usageError(
        `'${word}' names no resource`,
        `say <kind> <name> or <kind>/<name>; kinds: ${resourceKinds.map((known) => known.word).join(", ")}`,
      );
    }
    return { kind, name };
  });
}
