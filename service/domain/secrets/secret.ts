import {
  type Condition,
  ConditionReason,
  ConditionType,
  isSecretRef,
  type SecretId,
  type SecretSpec,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { digestOf } from "../digest.ts";
import type { StoredResource } from "../resource.ts";
import type { Sealed } from "../sealed.ts";

/** Why a source gave nothing: the reasons of `Available` that say so. */
export type SourceFailureReason = Extract<ConditionReason, `Source${string}`>;

export interface SourceFailure {
  readonly reason: SourceFailureReason;
  /** Without anything secret. */
  readonly message: string;
}

/** What is known of a secret's source. */
export interface SecretState {
  /** What it gave last. */
  readonly value?: Sealed | undefined;
  readonly readAt?: string | undefined;
  readonly changedAt?: string | undefined;
  readonly failure?: (SourceFailure & { readonly since: string }) | undefined;
  /** The number of its value, which is the first where there is none; of the one that is to come; and the last that was given. */
  readonly number?: number | undefined;
  readonly nextNumber?: number | undefined;
  readonly lastNumber?: number | undefined;
}

/** A secret at rest: its own value, and what its source gave, are sealed. */
export interface StoredSecret extends StoredResource {
  readonly id: SecretId;
  readonly tenantId: TenantId;
  /** Its `value` is sealed, whatever its type says. */
  readonly spec: SecretSpec;
  /** Whether it is the platform's, which configurations of the platform name wherever they hold. */
  readonly shared: boolean;
  readonly state: SecretState;
}

export const FIRST_NUMBER = 1;

type Valued = Pick<StoredSecret, "spec" | "state">;

/** The sealed value of whoever is held to a number: what is to come, by its number; else what everybody has. Undefined for a number that is not given yet. */
export function valueFor({ spec, state }: Valued, number = FIRST_NUMBER): unknown {
  if (number === state.nextNumber) {
    return spec.next;
  }
  return number <= (state.number ?? FIRST_NUMBER) ? (spec.value ?? state.value) : undefined;
}

/** The state with numbers for the values that are new: none is given twice. */
export function numbered(state: SecretState, before: SecretSpec | undefined, { value, next }: SecretSpec): SecretState {
  const isNew = (now: unknown, former: unknown) => now !== undefined && digestOf(now) !== digestOf(former);
  const { number = FIRST_NUMBER, nextNumber, lastNumber = FIRST_NUMBER } = state;
  const own = before && isNew(value, before.value) ? lastNumber + 1 : number;
  const last = Math.max(lastNumber, own);
  const coming = isNew(next, before?.next) ? last + 1 : nextNumber;
  return { ...state, number: own, nextNumber: next === undefined ? undefined : coming, lastNumber: Math.max(last, coming ?? last) };
}

/** The secret once everybody has what was to come. */
export function rotated({ spec: { next, ...spec }, state }: Valued): Valued {
  return { spec: { ...spec, value: next }, state: { ...state, number: state.nextNumber, nextNumber: undefined } };
}

/** Where something names secrets, at any depth. */
export function* secretRefsAt(value: unknown, path: readonly string[] = []): Iterable<[path: readonly string[], name: string]> {
  if (isSecretRef(value)) {
    yield [path, value.secretRef];
  } else if (typeof value === "object" && value !== null) {
    for (const [segment, item] of Object.entries(value)) {
      yield* secretRefsAt(item, [...path, segment]);
    }
  }
}

/** Its state after its source was read, at a time. @param given what it gave, sealed anew only when that is another value */
export function afterReading(state: SecretState, given: { readonly value: Sealed } | SourceFailure, now: string): SecretState {
  if ("reason" in given) {
    const { reason, message } = given;
    const since = state.failure?.reason === reason ? state.failure.since : now;
    return { ...state, failure: { reason, message, since } };
  }
  const isChanged = state.value?.$sealed !== given.value.$sealed;
  return { ...state, value: given.value, readAt: now, changedAt: isChanged ? now : state.changedAt, failure: undefined };
}

/** Whether those who use it have a value. */
export function availability({ spec, state, updatedAt }: Pick<StoredSecret, "spec" | "state" | "updatedAt">): Condition {
  const of = (status: Condition["status"], reason: string, message: string, since: string): Condition => ({
    type: ConditionType.Available,
    ...{ status, reason, message, lastTransitionTime: since },
  });
  if (spec.source === undefined) {
    return of("True", ConditionReason.Given, "its value stands in the secret itself", updatedAt);
  }
  const { value, changedAt = updatedAt, failure } = state;
  if (failure) {
    return of("False", failure.reason, failure.message, failure.since);
  }
  return value === undefined
    ? of("Unknown", ConditionReason.NotReadYet, "its source was not read yet", updatedAt)
    : of("True", ConditionReason.Read, "its value was read from its source", changedAt);
}
