import { factsOf, instanceFacts, type KindFacts, type TenantId, type Verdict } from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { ConfigIssue } from "../../domain/configs/resolve-config.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { StackOperations } from "../ports/stacks/stack-operations.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { Consequences, Effects, Purpose, Shown, Trace } from "../resources/consequences.ts";
import type { AnyKind, Touches, Written } from "../resources/kind.ts";
import { judge, judgementsOf, recordViolations } from "./admission.ts";
import { type Affected, hasNewConfig, instancesNamed, KeptQuestions, keyOf, type Outcome, outcomeOf, uncheckedOf } from "./affected.ts";
import type { ConfigChecks } from "./config-checks.ts";
import { itemOf, itemsOfOthers } from "./preview-items.ts";
import { previewStacks, type TouchedStack, touchedStacks } from "./preview-stacks.ts";
import { type ResolveDependencies, resolveInstances } from "./resolve-instance.ts";
import { claimAccounts, type WarningDependencies, warningsOf } from "./warnings.ts";

/** Of those that a change would break: an answer is no list of a fleet. */
const BROKEN_NAMED_MAX = 20;

interface ConsequenceDependencies extends ResolveDependencies, WarningDependencies {
  readonly runtimes: Runtimes;
  readonly kinds: readonly AnyKind[];
  readonly stacks: Pick<StackOperations, "preview">;
  readonly checks: Pick<ConfigChecks, "known" | "ask">;
}

interface Touched {
  readonly tenant: string;
  readonly outcome: Outcome;
}

/** What changes mean for instances: those that they name, and those that use a template or are on a cluster that they change. */
export function instanceConsequences(deps: ConsequenceDependencies): Consequences {
  return {
    async observe(tx, changes, purpose) {
      const touches: Touches[] = [];
      for (const kind of deps.kinds) {
        touches.push(await kind.touches(tx, changes));
      }
      const before = await resolveTouched(tx, changes, touches, purpose, deps);
      return {
        async compare(tx, written, stamp) {
          const asked = new Set(written.filter(asksForMore).map(keyOf));
          const affected: Affected[] = [];
          const questions = new KeptQuestions();
          const verdicts: Verdict[] = [];
          for (const { id, name } of await touchedTenants(tx, changes, touches)) {
            const own = await affectedOf(tx, { tenantId: id, tenant: name }, before, written, { ...deps, purpose, questions });
            affected.push(...own);
            verdicts.push(...(await judge(tx, id, own, asked)));
            await recordViolations(await tx.enter(id), own, stamp);
          }
          await claimAccounts(tx, affected, deps.cipher);
          return effectsOf(affected, verdicts, written, { ...deps, purpose });
        },
      };
    },
  };
}

/** The instances that changes name, and those that are touched by them otherwise, as they resolve now. */
async function resolveTouched(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  touches: readonly Touches[],
  purpose: Purpose,
  deps: ResolveDependencies,
): Promise<Touched[]> {
  const touched: Touched[] = [];
  const questions = new KeptQuestions();
  for (const tenant of await touchedTenants(tx, changes, touches)) {
    const scope = await tx.enter(tenant.id);
    const seen = new Set<string>();
    for (const touch of touches) {
      for await (const page of touch.instances(scope, tenant.name)) {
        const fresh = page.filter(({ name }) => !seen.has(name));
        for (const resolution of await resolveInstances(tx, scope, tenant.name, fresh, deps)) {
          seen.add(resolution.instance.name);
          const judgements = await judgementsOf(tx, tenant.name, resolution);
          touched.push({ tenant: tenant.name, outcome: outcomeOf(resolution, judgements, { purpose, questions }) });
        }
      }
    }
  }
  return touched;
}

/** The tenants that changes touch: their own, and those that have instances which they touch. Ones that are gone are left out. */
async function touchedTenants(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  touches: readonly Touches[],
): Promise<{ id: TenantId; name: string }[]> {
  const names = new Set([...changes.map((change) => change.tenant), ...touches.flatMap(({ tenants }) => tenants)]);
  const found = [];
  for (const name of names) {
    found.push(await tx.tenants.find(name));
  }
  return found.filter((tenant) => tenant !== undefined);
}

async function affectedOf(
  tx: PlatformTransaction,
  { tenantId, tenant }: Pick<Affected, "tenantId" | "tenant">,
  before: readonly Touched[],
  written: readonly Written[],
  deps: ResolveDependencies & { readonly purpose: Purpose; readonly questions: KeptQuestions },
): Promise<Affected[]> {
  const scope = await tx.enter(tenantId);
  const beforeOf = new Map(before.filter((item) => item.tenant === tenant).map(({ outcome }) => [outcome.instance.name, outcome]));
  const names = new Set(beforeOf.keys());
  for (const item of written.filter(isInstance)) {
    if (item.tenant === tenant) {
      names.add(item.name);
    }
  }
  const afterOf = new Map<string, Outcome>();
  const forgottenAt = new Map<string, string>();
  for await (const batch of instancesNamed(scope, [...names])) {
    for (const { name, movedFrom, cluster } of batch.filter(({ forget }) => forget)) {
      forgottenAt.set(name, movedFrom ?? cluster);
    }
    const staying = batch.filter(({ deletedAt }) => deletedAt === undefined);
    for (const resolution of await resolveInstances(tx, scope, tenant, staying, deps)) {
      afterOf.set(resolution.instance.name, outcomeOf(resolution, await judgementsOf(tx, tenant, resolution), deps));
    }
  }
  // By name: rows come in any order, which is not the same when they are read again.
  return [...names].sort().map((name) => ({
    tenantId,
    tenant,
    name,
    before: beforeOf.get(name),
    after: afterOf.get(name),
    forgottenAt: forgottenAt.get(name),
  }));
}

async function effectsOf(
  affected: readonly Affected[],
  verdicts: readonly Verdict[],
  written: readonly Written[],
  deps: ConsequenceDependencies & { readonly purpose: Purpose },
): Promise<Effects> {
  const named = new Set(written.filter(isInstance).map(keyOf));
  const others = affected.filter((item) => !named.has(keyOf(item)));
  // What was declared of those fits no more. Where a change is of something else, a cluster for one, they report it as a condition.
  const isRefused = written.some(({ kind, op }) => op !== "same" && (factsOf(kind) as KindFacts).configures);
  const broken = isRefused ? others.filter(isBroken) : [];
  const own = affected.filter((item) => named.has(keyOf(item))).flatMap((item) => item.after?.issues ?? []);
  const problems = [...own, ...broken.slice(0, BROKEN_NAMED_MAX).flatMap(issuesOf)];
  const blocking = new Set([...own, ...broken.flatMap(({ after }) => after?.issues ?? [])]);
  const questions = affected.flatMap((item) => (hasNewConfig(item) ? (item.after?.question ?? []) : []));
  return {
    verdicts,
    problems,
    ...(broken.length > 0 && { broken: { instances: broken.length, of: others.length } }),
    findOut: questions.length > 0 ? () => deps.checks.ask(questions) : undefined,
    unchecked: affected.flatMap((item) => uncheckedOf(item) ?? []),
    digests: affected.map(({ tenant, name, after }) => digestOf([tenant, name, after?.digest])),
    async trace(tx): Promise<Trace> {
      const touched = await touchedStacks(tx, { affected, written }, deps.runtimes);
      const warnings = deps.purpose === "write" ? new Map() : await warningsOf(tx, affected, deps);
      return {
        base: [...baseOf(affected, touched, deps.runtimes)],
        async show(): Promise<Shown> {
          if (deps.purpose === "write") {
            throw new Error("changes that were made to be written can't be shown");
          }
          const unseen = touched.filter(({ reachable }) => !reachable);
          const stacks = { ...(await previewStacks(touched, deps)), unseen, warnings };
          const affectedBy = new Map(affected.map((item) => [keyOf(item), item]));
          return {
            of: (item) => itemOf(item, isInstance(item) ? affectedBy.get(keyOf(item)) : undefined, stacks, blocking),
            others: () => itemsOfOthers(others, stacks, blocking),
            boundaries: stacks.boundaries,
          };
        },
      };
    },
  };
}

/** Whether it could be resolved, and can't be any more. */
function isBroken({ before, after }: Affected): boolean {
  return before?.isResolved === true && after?.isResolved === false && after.issues.some(({ pending }) => !pending);
}

/** What is wrong with an instance that the changes do not name, with whose that is. */
function issuesOf({ tenant, name, after }: Affected): ConfigIssue[] {
  const fix = `change the instance first, or hold it to the version that it has: claw pin ${name} --version N`;
  return (after?.issues ?? []).map((issue) => ({ fix, ...issue, path: `instances[${tenant}/${name}].${issue.path}` }));
}

/** Whether it is a write that an instance has to comply for: one that stops it, or is about something else that it uses, asks nothing of it. */
function asksForMore({ kind, op, change }: Written): boolean {
  return kind === instanceFacts.kind && op !== "same" && ["apply", "start", "restart", "upgrade"].includes(change.action);
}

function isInstance({ kind }: Written): boolean {
  return kind === instanceFacts.kind;
}

/**
 * Each instance's version before, and what its stacks get of the cluster and the tenant. Not how far its reconciliation was: what it still brings was
 * declared before, and when it is done less is left to do of what was shown, and nothing else.
 */
function* baseOf(affected: readonly Affected[], touched: readonly TouchedStack[], runtimes: Runtimes): Iterable<[string, string]> {
  for (const item of affected) {
    const before = item.before?.instance;
    yield [`ClawInstance/${keyOf(item)}`, before ? `${before.resourceVersion}/${before.generation}` : "absent"];
  }
  for (const { tenant, cluster, target } of touched) {
    const base = runtimes.at(cluster).previewBase(target);
    if (base !== undefined) {
      yield [`Boundary/${tenant}/${cluster}`, digestOf(base)];
    }
  }
}
