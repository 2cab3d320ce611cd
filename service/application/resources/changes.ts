import { type BusEventName, ClawError, factsOf, newId, type Verdict } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { changedResource, inWriteOrder, type PlannedChange } from "../../domain/change.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Tallies } from "../../domain/tallies.ts";
import type { DomainEvent } from "../ports/events/outbox.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { Consequences, Effects, Purpose } from "./consequences.ts";
import type { AnyKind, Stamp, Written } from "./kind.ts";
import { assertAllowsSomewhere, permissionOf } from "./permitted.ts";
import { putOnRecord } from "./put-on-record.ts";
import type { RequestContext } from "./route-handlers.ts";

/** What changes are made with. */
export interface ChangeDependencies {
  readonly kinds: readonly AnyKind[];
  readonly consequences: Consequences;
  readonly tallies: Pick<Tallies, "count">;
}

/** What making changes comes to: computed the same way when they are previewed and when they are made. */
export interface Outcome {
  readonly written: readonly Written[];
  readonly effects: Effects;
  /** Of everything that the changes resolve to: two outcomes with one digest are the same change. */
  readonly digest: string;
}

/**
 * Makes changes and works out what they mean for every instance they touch, with quota and policy verdicts, all in one transaction.
 * It decides nothing: the caller refuses (`assertAllowed`), shows, or commits.
 */
export async function makeChanges(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  stamp: Stamp,
  deps: ChangeDependencies,
  purpose: Purpose = "write",
): Promise<Outcome> {
  assertMayWrite(changes, stamp.actor);
  const before = await deps.consequences.observe(tx, changes, purpose);
  const written = await writeChanges(tx, changes, stamp, deps);
  const effects = await before.compare(tx, written, stamp);
  const digest = digestOf([
    written.map(({ kind, tenant, name, op, after }) => [kind, tenant, name, op, after?.spec, after?.labels, after?.annotations]),
    effects.digests,
  ]);
  return { written, effects, digest };
}

/** What changes lead to that is made later, by whoever carries them on. */
export async function whatFollows(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  stamp: Stamp,
  { kinds }: Pick<ChangeDependencies, "kinds">,
): Promise<readonly PlannedChange[]> {
  const following: PlannedChange[] = [];
  for (const change of changes) {
    following.push(...(await kindNamed(changedResource(change).kind, kinds).leadsTo(tx, change, stamp)));
  }
  return following;
}

/** The one way in which desired state is written. Each write, its event and its record are in the same transaction. @throws {ClawError} for the first change that can't be made */
export async function writeChanges(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  stamp: Stamp,
  { kinds }: Pick<ChangeDependencies, "kinds">,
): Promise<Written[]> {
  const written: Written[] = [];
  for (const change of inWriteOrder(changes)) {
    const kind = kindNamed(changedResource(change).kind, kinds);
    for await (const consequence of kind.consequences(tx, change)) {
      await writeChanges(tx, [consequence], stamp, { kinds });
    }
    const result = await kind.write(tx, change, stamp).catch((error: unknown) => {
      throw located(error, change);
    });
    written.push(result);
    await publish(tx, result, stamp);
    await putOnRecord(tx, result, stamp);
  }
  return written;
}

/** What is wrong with one of several manifests, by where that is. */
function located(error: unknown, { place }: PlannedChange): unknown {
  if (!(error instanceof ClawError) || place === undefined || error.issues.length === 0) {
    return error;
  }
  const issues = error.issues.map((issue) => ({ ...issue, path: issue.path === "" ? place : `${place}.${issue.path}` }));
  return new ClawError(error.code, error.message, { issues, cause: error });
}

const EVENTS = { create: "created", update: "updated", delete: "deleted" } as const;

async function publish(tx: PlatformTransaction, { kind, op, name, tenant, tenantId, before, after }: Written, { now, actor }: Stamp) {
  const resource = after ?? before;
  if (op !== "same" && resource) {
    const scope = await tx.enter(tenantId);
    const event = { id: newId("evt"), event: `${factsOf(kind).area}.${EVENTS[op]}`, time: now } as const;
    // The compiler tells at most 25 events apart: `satisfies` still holds the name to those that there are.
    event.event satisfies BusEventName;
    await scope.publish({ ...event, data: { uid: resource.id, name, tenant, actor: actor.subject } } as DomainEvent);
  }
}

export function kindNamed(name: string, kinds: readonly AnyKind[]): AnyKind {
  const kind = kinds.find((candidate) => candidate.kind === name);
  if (!kind) {
    throw new TypeError(`nobody writes resources of the kind '${name}'`);
  }
  return kind;
}

/** Thrown inside a transaction, which ends with it. */
class ToBeFoundOut extends Error {
  readonly findOut: () => Promise<void>;

  constructor(findOut: () => Promise<void>) {
    super("something is to be found out first");
    this.findOut = findOut;
  }
}

/**
 * Makes changes by `make`, once more when there is something to find out first: that is not done inside a transaction.
 * @param make calls back with what the changes came to, inside their transaction
 */
export async function foundOut<T>(make: (look: (outcome: Outcome) => void) => Promise<T>): Promise<T> {
  try {
    return await make(({ effects }) => {
      if (effects.findOut) {
        throw new ToBeFoundOut(effects.findOut);
      }
    });
  } catch (error) {
    if (!(error instanceof ToBeFoundOut)) {
      throw error;
    }
    await error.findOut();
  }
  // What could not be found out stays so.
  return make(() => undefined);
}

/**
 * @param allowUnchecked whether what nobody could check may be committed
 * @throws {ClawError} `tenant.quota_exceeded`, `policy.denied`, `config.invalid`, `config.unchecked` when an outcome may not be committed.
 */
export function assertAllowed({ effects }: Outcome, { tallies }: Pick<ChangeDependencies, "tallies">, allowUnchecked = false): void {
  const denied = effects.verdicts.filter((verdict) => !verdict.allowed);
  const first = denied[0];
  if (first) {
    countViolations(denied, tallies);
    const issues = denied.map((verdict) => ({
      path: verdict.kind === "quota" ? `quota.${verdict.name}` : `policies.${verdict.name}`,
      message: verdict.message.replace(`; ${verdict.fix}`, ""),
      ...(verdict.fix !== undefined && { fix: verdict.fix }),
    }));
    throw new ClawError(first.kind === "quota" ? "tenant.quota_exceeded" : "policy.denied", first.message, { issues });
  }
  const issues = effects.problems.filter((issue) => !issue.pending);
  if (issues[0]) {
    const { broken } = effects;
    const many = broken ? `it would break ${broken.instances} of ${broken.of} instances that use it: ` : "";
    throw new ClawError("config.invalid", `${many}${issues[0].path}: ${issues[0].message}`, { issues });
  }
  const [unchecked] = allowUnchecked ? [] : effects.unchecked;
  if (unchecked) {
    throw new ClawError("config.unchecked", `the configuration of '${unchecked.name}' is not checked: ${unchecked.why}`, {
      issues: effects.unchecked.map(({ name, why }) => ({ path: name, message: `not checked: ${why}`, fix: ALLOW_UNCHECKED })),
    });
  }
}

/** What policies say against what is written, for whoever writes to be told and for all to be counted. Once it is committed. */
export function tellViolations(
  { effects }: Pick<Outcome, "effects">,
  { warn }: Pick<RequestContext, "warn">,
  { tallies }: Pick<ChangeDependencies, "tallies">,
) {
  const violated = effects.verdicts.filter(({ violated: mode }) => mode !== undefined && mode !== "enforce");
  countViolations(violated, tallies);
  for (const { violated: mode, message } of violated) {
    if (mode === "warn") {
      warn?.(message);
    }
  }
}

function countViolations(verdicts: readonly Verdict[], tallies: Pick<Tallies, "count">): void {
  for (const { kind, name, violated } of verdicts) {
    if (kind === "policy" && violated !== undefined) {
      tallies.count("claw_policy_violations_total", { policy: name, mode: violated });
    }
  }
}

const ALLOW_UNCHECKED = "try again in a minute, or allow it unchecked (--allow-unchecked, allowUnchecked=true)";

/** Whether an outcome may be committed: what `assertAllowed` says by throwing. */
export function isAllowed({ effects }: Outcome): boolean {
  return effects.verdicts.every(({ allowed }) => allowed) && effects.problems.every(({ pending }) => pending);
}

/** What nobody may do anywhere is refused before anything is worked out of it; the kinds look at where it is done. */
function assertMayWrite(changes: readonly PlannedChange[], actor: Actor): void {
  for (const change of changes) {
    assertAllowsSomewhere(actor, permissionOf(change));
  }
}
