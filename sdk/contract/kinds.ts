import { z } from "zod";
import { roleBindingFacts, roleFacts, serviceAccountFacts } from "./access.ts";
import { clawTypeFacts } from "./claw-type.ts";
import { clusterFacts } from "./cluster.ts";
import { configTemplateFacts } from "./config-template.ts";
import { configValuesFacts } from "./config-values.ts";
import { instanceFacts } from "./instance.ts";
import type { CustomResourceFacts, KindFacts } from "./kind.ts";
import { policyFacts } from "./policy.ts";
import { rolloutFacts } from "./rollout.ts";
import { secretFacts } from "./secret.ts";
import { projectFacts, tenantFacts } from "./tenant.ts";

/** Every kind of resource, in the order of writing: each after what it needs. Deletions go the other way. */
export const resourceKinds = [
  clusterFacts,
  tenantFacts,
  projectFacts,
  serviceAccountFacts,
  roleFacts,
  roleBindingFacts,
  policyFacts,
  clawTypeFacts,
  secretFacts,
  configTemplateFacts,
  instanceFacts,
  configValuesFacts,
  rolloutFacts,
] as const satisfies readonly KindFacts[];

type AnyFacts = (typeof resourceKinds)[number];
export type ManifestKind = AnyFacts["kind"];
/** The facts of one kind. */
export type FactsOf<K extends ManifestKind> = Extract<AnyFacts, { kind: K }>;
/** The kinds that can be written to a cluster as custom resources. */
export type CustomKind = Extract<AnyFacts, { customResource: CustomResourceFacts }>["kind"];
/** A change that is one kind's alone. */
export type ActionOf<K extends ManifestKind> = z.infer<FactsOf<K>["actions"][number]["change"]>;

export const ManifestKindSchema = z.enum(resourceKinds.map(({ kind }) => kind) as [ManifestKind, ...ManifestKind[]]);

/** Any manifest; `kind` decides. */
export const ManifestSchema = z.discriminatedUnion("kind", inputsOf(resourceKinds));
export type Manifest = z.infer<typeof ManifestSchema>;
export type ManifestOf<K extends ManifestKind> = Extract<Manifest, { kind: K }>;
/** Any resource, as it is answered. */
export type Resource = z.infer<AnyFacts["schema"]>;
export type ResourceOf<K extends ManifestKind> = Extract<Resource, { kind: K }>;

const byKind = new Map<string, AnyFacts>(resourceKinds.map((facts) => [facts.kind, facts]));

/** @throws {TypeError} for what is no kind, which the schemas let through nowhere */
export function factsOf(kind: ManifestKind): AnyFacts {
  const facts = byKind.get(kind);
  if (!facts) {
    throw new TypeError(`there is no kind '${kind}'`);
  }
  return facts;
}

/** A kind's place in the order of writing. */
export function writeRank(kind: ManifestKind): number {
  return resourceKinds.findIndex((facts) => facts.kind === kind);
}

/** The actions of all kinds: what a change may be beside `apply` and `delete`. */
export const actionSchemas = resourceKinds.flatMap(({ actions }): readonly AnyAction[] => actions).map(({ change }) => change);
type AnyAction = AnyFacts["actions"][number];

/** The kind that has an action of its own. */
export function kindOfAction(action: ActionOf<ManifestKind>["action"]): ManifestKind {
  const facts = resourceKinds.find(({ actions }) => actions.some(({ name }) => name === action));
  if (!facts) {
    throw new TypeError(`no kind has the action '${action}'`);
  }
  return facts.kind;
}

function inputsOf<const Kinds extends readonly KindFacts[]>(kinds: Kinds) {
  return kinds.map(({ input }) => input) as unknown as { readonly [I in keyof Kinds]: Kinds[I]["input"] };
}
