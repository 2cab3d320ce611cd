import {
  type ConfigView,
  EventReason,
  EventType,
  type Handing,
  type InstanceId,
  newId,
  type StackTarget,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { alteredMessage, judgedDifferences } from "../../domain/instances/consistency.ts";
import type { Findings } from "../../domain/instances/findings.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { afterChecked } from "../../domain/instances/phase.ts";
import type { Tallies } from "../../domain/tallies.ts";
import { type DeliverDependencies, wantedOf } from "../instances/deliver.ts";
import { addressOf, type OpenChannel } from "../instances/open-channel.ts";
import { recordEvents, recordStates } from "../instances/report-status.ts";
import { type Derivation, deriveInstances, resolveInstances } from "../instances/resolve-instance.ts";
import { findDifferences } from "./find-differences.ts";
import { readView } from "./read-view.ts";

export interface CheckDependencies extends DeliverDependencies {
  readonly openChannel: OpenChannel;
  readonly tallies: Pick<Tallies, "count">;
}

/** What the program says without its file having changed is not told by anybody: it is asked again. */
const AGAIN_MS = 60_000;

interface Checkable {
  readonly instance: Instance;
  readonly handing: Handing;
  readonly handed: string;
  readonly derivation: Derivation;
  readonly secretValues: readonly string[];
}

/** What was found of an instance; what can't be asked now is not among them. */
export interface Checked {
  readonly id: InstanceId;
  readonly findings: Findings;
  readonly handing: Handing;
}

/**
 * Looks what claws are configured with, and writes it down with an event where that came to differ from what is declared, or in other keys. What is under way on an
 * instance, and what changes meanwhile, is left: it is looked at again.
 */
export async function checkInstances(tenantId: TenantId, names: readonly string[], deps: CheckDependencies): Promise<readonly Checked[]> {
  const { tenant, checkable } = await checkableOf(tenantId, names, deps);
  const views = await Promise.all(
    checkable.map(async ({ instance }) =>
      deps
        .openChannel(addressOf(instance, tenant), { channel: "config" })
        .then(readView)
        .catch(() => undefined),
    ),
  );
  const now = deps.clock().toISOString();
  const checked = new Map<InstanceId, Checked>();
  for (const [index, item] of checkable.entries()) {
    const view = views[index];
    if (view && view.stored === item.handed) {
      checked.set(item.instance.id, { id: item.instance.id, findings: findingsOf(view, item, now), handing: item.handing });
    }
  }
  if (checked.size > 0) {
    await record(tenantId, checked, new Map(checkable.map(({ instance }) => [instance.id, instance])), deps, now);
  }
  return [...checked.values()];
}

async function checkableOf(tenantId: TenantId, names: readonly string[], deps: CheckDependencies) {
  return deps.transactions.platform(async (tx) => {
    const scope = await tx.enter(tenantId);
    const tenant = await tx.tenants.get(tenantId);
    const instances = (await scope.instances.findAll(names)).filter(isCheckable);
    const targets = new Map<string, StackTarget>();
    for (const cluster of new Set(instances.map((instance) => instance.cluster))) {
      targets.set(cluster, await deps.runtimes.at(cluster).target(tx, tenant, cluster));
    }
    const derivations = await deriveInstances(tx, await tx.enter(tenantId), instances, deps);
    const resolutions = await resolveInstances(tx, await tx.enter(tenantId), tenant.name, instances, deps);
    const checkable = resolutions.flatMap(({ instance, resolved, secretValues }): Checkable[] => {
      const target = targets.get(instance.cluster);
      const derivation = derivations.get(instance.id);
      if (!resolved || !target || !derivation) {
        return [];
      }
      const { handing, wanted } = wantedOf(instance, resolved, { tenant: tenant.name, target, runtimes: deps.runtimes });
      return [{ instance, handing, handed: wanted.handed, derivation, secretValues }];
    });
    return { tenant: tenant.name, checkable };
  });
}

/** While something is on its way to it, what is there says nothing. */
function isCheckable({ deletedAt, movedFrom, spec, status }: Instance): boolean {
  return deletedAt === undefined && movedFrom === undefined && spec.running && status.agent?.disk !== undefined;
}

function findingsOf(view: ConfigView, { instance, handing, derivation, secretValues }: Checkable, now: string): Findings {
  const { differences, more } = findDifferences(view, handing, derivation, secretValues);
  const isOfItsWord = differences.some(({ live }) => live !== undefined) && view.files.length === 0;
  const { revert } = instance.status.consistency ?? {};
  return {
    checkedAt: now,
    disk: view.disk.digest,
    stored: view.stored,
    live: view.live?.state ?? "none",
    files: view.files.map(({ path, changedAt, by }) => ({ path, changedAt, by })),
    differences,
    more,
    ...(isOfItsWord && { again: new Date(Date.parse(now) + AGAIN_MS).toISOString() }),
    // What somebody wants undone is, once nothing of it is left.
    ...(revert && view.files.length > 0 && { revert }),
  };
}

async function record(
  tenantId: TenantId,
  checked: ReadonlyMap<InstanceId, Checked>,
  asked: ReadonlyMap<InstanceId, Instance>,
  deps: CheckDependencies,
  now: string,
): Promise<void> {
  const told = await deps.transactions.tenant(tenantId, async (tx) => {
    const changed: {
      readonly before: Instance;
      readonly keys: readonly string[];
      readonly message: string;
      readonly findings: Findings;
    }[] = [];
    await recordStates(
      tx,
      [...checked.keys()],
      (current) => {
        const found = checked.get(current.id)?.findings;
        if (!found || current.generation !== asked.get(current.id)?.generation) {
          return current.status;
        }
        const revert = current.status.consistency?.revert;
        const isRepaired = current.spec.drift === "repair" && openKeys(current, found, now).length > 0 && found.files.length > 0;
        const wanted = found.files.length === 0 ? undefined : (revert ?? (isRepaired ? { by: "its drift policy", at: now } : undefined));
        const { revert: _, ...rest } = found;
        const findings = { ...rest, ...(wanted && { revert: wanted }) };
        const keys = openKeys(current, findings, now);
        const before = current.status.consistency ? openKeys(current, current.status.consistency, now) : [];
        if (keys.join("\n") !== before.join("\n")) {
          const open = judgedDifferences(findings, current.spec, now).filter(({ state }) => state === "differs");
          changed.push({
            before: current,
            keys,
            message: keys.length > 0 ? alteredMessage(open, findings) : "it is configured as is declared",
            findings,
          });
        }
        return afterChecked(current, findings, now);
      },
      now,
    );
    await recordEvents(
      tx,
      changed.map(({ before, keys, message }) => ({
        instance: before.id,
        type: keys.length > 0 ? EventType.Warning : EventType.Normal,
        reason: keys.length > 0 ? EventReason.ConfigAltered : EventReason.ConfigAsDeclared,
        message,
      })),
      now,
    );
    for (const { before, keys, findings } of changed) {
      const [file] = findings.files;
      await tx.publish({
        id: newId("evt"),
        event: "instance.config-altered",
        time: now,
        data: { uid: before.id, name: before.name, keys: [...keys], by: file?.by, changedAt: file?.changedAt },
      });
    }
    return changed;
  });
  for (const { keys } of told) {
    deps.tallies.count("claw_config_differences_total", { state: keys.length > 0 ? "found" : "gone" });
  }
}

function openKeys({ spec }: Instance, findings: Findings, now: string): readonly string[] {
  return judgedDifferences(findings, spec, now)
    .filter(({ state }) => state === "differs")
    .map(({ key }) => key);
}
