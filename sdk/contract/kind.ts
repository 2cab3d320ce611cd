import { z } from "zod";
import type { AuditRules } from "./audited.ts";
import type { ConditionType } from "./conditions.ts";
import { ConditionSchema, NameSchema } from "./meta.ts";
import type { Permission } from "./permissions.ts";
import { EmptyRequestSchema } from "./service.ts";

/** What every part of the product knows of a kind of resource. A kind's value stands beside its schemas, and in the list of `kinds.ts`. */
export interface KindFacts {
  /** `ClawInstance`: what a manifest says. */
  readonly kind: string;
  /** What people call one: `config template`. */
  readonly noun: string;
  /** What its error codes and bus events begin with: `config.not_found`, `config.created`. */
  readonly area: string;
  readonly idPrefix: string;
  /** Whose it is: a tenant's, a tenant `itself`, or the platform's, which is kept with the shared tenant and written by platform administrators. */
  readonly scope: "tenant" | "itself" | "platform";
  /** What it takes to read one, and to write or delete one. */
  readonly access: { readonly read: Permission; readonly write: Permission };
  /** Changes that are this kind's alone, beside `apply` and `delete`, each made by `actionOf`. */
  readonly actions: readonly ActionFacts[];
  /** When its `deleted` event is published, where that is not when it is gone. */
  readonly deletedWhen?: string;
  /** Whether it configures instances: a change of one is refused that would keep an instance from being resolved which can be now. */
  readonly configures?: true;
  /** Its errors beside those of every kind, of one that is missing and of a name that is taken, by what follows its area: `in_use`. */
  readonly errors: Readonly<Record<string, ErrorFacts>>;
  /** The fields of its specification, as the audit log has them. One that is new does not compile until it is in here. */
  readonly audited: AuditRules;
  /** A manifest of it, as people write it. */
  readonly input: z.ZodType;
  /** How it is answered. */
  readonly schema: z.ZodType;
  /** How a cluster has it as a custom resource; absent where it can't be written there. */
  readonly customResource?: CustomResourceFacts;
}

/** What is known of an error by its code. */
export interface ErrorFacts {
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  readonly fault: "caller" | "tenant" | "platform";
}

export interface CustomResourceFacts {
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  /** Of `kubectl get`: header, type, path, and a priority for those of `-o wide`. */
  readonly columns: readonly (readonly [name: string, type: string, jsonPath: string, priority?: number])[];
  /** CEL rules by the path that they judge. */
  readonly rules: Readonly<Record<string, readonly CelRule[]>>;
  /** Lists that are maps, by path: the field that tells their items apart. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** A change that is one kind's alone. */
export interface ActionFacts {
  readonly name: string;
  readonly permission: Permission;
  /** What its route is told beside the resource's name. */
  readonly body: z.ZodObject;
  /** How it is one change of several. */
  readonly change: z.ZodObject<{ action: z.ZodLiteral<string>; name: typeof NameSchema }>;
}

/** An action by its name. @param permission what it takes @param body what it says beside the resource's name */
export function actionOf<const A extends string, S extends z.core.$ZodLooseShape = Record<never, never>>(
  name: A,
  permission: Permission,
  body: z.ZodObject<S, z.core.$strict> = EmptyRequestSchema as unknown as z.ZodObject<S, z.core.$strict>,
) {
  return { name, permission, body, change: z.strictObject({ action: z.literal(name), name: NameSchema, ...body.shape }) };
}

/** Where a custom resource's column finds a condition. */
export function conditionPath(type: ConditionType, field: "status" | "reason"): string {
  return `.status.conditions[?(@.type=="${type}")].${field}`;
}

/** Of whatever may be placed. */
export const PLACEMENT_RULE: CelRule = {
  rule: "has(self.cluster) != has(self.selector)",
  message: "give either 'cluster' or 'selector'",
};

/** What a custom resource and the control plane's resource last agreed on. */
export const CarriedSchema = z.object({
  /** The id of the cluster's registration: what another control plane carried is news to this one. */
  cluster: z.string(),
  uid: z.string(),
  /** Digests of the labels, annotations and specification on either side: the side that is not as its digest says has been edited. */
  inCluster: z.string(),
  inControlPlane: z.string(),
});

/** What the status of every custom resource has. */
export const carriedStatus = {
  /** The custom resource's own generation that was carried last: for people and tools. */
  observedGeneration: z.int().optional(),
  carried: CarriedSchema.optional(),
  conditions: z.array(ConditionSchema).optional(),
};
