import type { TenantId } from "../../../sdk/contract/index.ts";
import { batchesOf } from "../../domain/batches.ts";
import { digestOf, measuredDigestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Judgement } from "../../domain/policies/judge.ts";
import type { ConfigQuestion } from "../ports/instances/claw-programs.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import type { Purpose } from "../resources/consequences.ts";
import { QUESTIONS_MAX } from "./config-checks.ts";
import type { Resolution } from "./resolve-instance.ts";

/** An instance that changes touch, worked out before and after them. */
export interface Affected {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly name: string;
  readonly before: Outcome | undefined;
  /** Undefined when it goes away. */
  readonly after: Outcome | undefined;
  /** The cluster that is not asked about it any more, where it is let go of. */
  readonly forgottenAt?: string | undefined;
}

/** What is kept of each instance while a whole fleet is looked at: without its annotations and its status. */
type Kept = Pick<
  Instance,
  "id" | "name" | "projectId" | "projectName" | "cluster" | "movedFrom" | "spec" | "resourceVersion" | "generation"
>;
export type Outcome = Omit<Resolution, "instance" | "policies"> & {
  readonly instance: Kept;
  /** What each policy says of it. */
  readonly judgements: readonly Judgement[];
  readonly isResolved: boolean;
  /** Of its config as its version reads it; undefined where it has none. */
  readonly configDigest: string | undefined;
  /** Of all that it resolves to, where it is. */
  readonly digest: string;
};

/** What is kept of a resolution. @param questions those that are kept of all instances: many have the same one */
export function outcomeOf(
  { instance, policies: _, ...rest }: Resolution,
  judgements: readonly Judgement[],
  { purpose, questions }: { readonly purpose: Purpose; readonly questions: KeptQuestions },
): Outcome {
  const { resolved, issues, version } = rest;
  const { id, name, projectId, projectName, cluster, movedFrom, spec, resourceVersion, generation } = instance;
  const { digest, characters } = measuredDigestOf([cluster, resolved, issues]);
  if (purpose !== "write") {
    purpose.show.take(characters);
  }
  const kept = { id, name, projectId, projectName, cluster, movedFrom, spec, resourceVersion, generation };
  return {
    ...rest,
    judgements,
    ...(purpose === "write" && { resolved: undefined, secretValues: [] }),
    question: rest.question && questions.keep(rest.question),
    instance: kept,
    isResolved: resolved !== undefined,
    configDigest: resolved && digestOf([version, resolved.runtime.files]),
    digest,
  };
}

/** Questions of a fleet, each once: it has the whole config. No more are kept than are asked. */
export class KeptQuestions {
  readonly #known = new Map<string, ConfigQuestion>();

  keep(question: ConfigQuestion): ConfigQuestion | undefined {
    const key = `${question.package}@${question.version}/${question.digest}`;
    if (!this.#known.has(key) && this.#known.size < QUESTIONS_MAX) {
      this.#known.set(key, question);
    }
    return this.#known.get(key);
  }
}

/** Whether its claw would get another config, or read it by another version. */
export function hasNewConfig({ before, after }: Affected): boolean {
  return after?.configDigest !== undefined && before?.configDigest !== after.configDigest;
}

/** Why nobody has checked the config that it would get; undefined where somebody has. */
export function uncheckedOf(affected: Affected): { readonly name: string; readonly why: string } | undefined {
  const why = affected.after?.unchecked;
  return why !== undefined && hasNewConfig(affected) ? { name: affected.name, why } : undefined;
}

/** Identifies an instance among those of all tenants. */
export function keyOf({ tenant, name }: { readonly tenant: string; readonly name: string }): string {
  return `${tenant}/${name}`;
}

/** Instances that are read at a time where names are all that is known: each may be large. */
const BATCH = 50;

/** Those of the names that there are, some at a time. */
export async function* instancesNamed(scope: TenantTransaction, names: readonly string[]): AsyncGenerator<readonly Instance[]> {
  for (const batch of batchesOf(names, BATCH)) {
    yield await scope.instances.findAll(batch);
  }
}
