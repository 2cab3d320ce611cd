import { type InstanceSpec, parseQuantity, type Quota, type Verdict } from "../../../sdk/contract/index.ts";

/** What instances add up to: CPU in cores, memory and storage in bytes. */
export interface QuotaUsage {
  readonly instances: number;
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
}

const GIBIBYTE = 2 ** 30;

/** What instances ask for together. */
export function demandOf(specs: readonly InstanceSpec[]): QuotaUsage {
  const sum = (amount: (spec: InstanceSpec) => number) => specs.reduce((total, spec) => total + amount(spec) * spec.replicas, 0);
  return {
    instances: specs.length,
    cpu: sum((spec) => parseQuantity(spec.resources.cpu)),
    memoryBytes: sum((spec) => parseQuantity(spec.resources.memory)),
    storageBytes: sum((spec) => parseQuantity(spec.storage.size)),
  };
}

/**
 * One verdict per bound that is set. A change that asks for no more than before is allowed even over a quota: whoever lowers
 * a quota must not stop people from making less of it.
 * @param owner what the quota belongs to, for the message: `tenant 'a'`
 * @param keeper who may raise it
 */
export function judgeQuota(
  quota: Quota,
  used: QuotaUsage,
  change: { before: QuotaUsage; after: QuotaUsage },
  owner: string,
  keeper = "a platform administrator",
): Verdict[] {
  const bounds = [
    { name: "instances", hard: quota.instances, of: (usage: QuotaUsage) => usage.instances, show: String },
    { name: "cpu", hard: quota.cpu, of: (usage: QuotaUsage) => usage.cpu, show: String },
    { name: "memory", hard: quota.memory, of: (usage: QuotaUsage) => usage.memoryBytes, show: toGibibytes },
    { name: "storage", hard: quota.storage, of: (usage: QuotaUsage) => usage.storageBytes, show: toGibibytes },
  ];
  return bounds.flatMap(({ name, hard, of, show }): Verdict[] => {
    if (hard === undefined) {
      return [];
    }
    const bound = typeof hard === "number" ? hard : parseQuantity(hard);
    const allowed = of(used) <= bound + 1e-9 || of(change.after) <= of(change.before);
    if (allowed) {
      return [{ kind: "quota" as const, name, allowed, message: `${show(of(used))} of ${hard} ${name} used` }];
    }
    const fix = `free some, or ask ${keeper} to raise the quota`;
    const message = `${owner} would use ${show(of(used))} of ${hard} ${name}; ${fix}`;
    return [{ kind: "quota" as const, name, allowed, message, fix }];
  });
}

/** Usage as quantities, for people. */
export function showUsage(used: QuotaUsage) {
  return {
    instances: used.instances,
    cpu: String(used.cpu),
    memory: toGibibytes(used.memoryBytes),
    storage: toGibibytes(used.storageBytes),
  };
}

export function toGibibytes(bytes: number): string {
  return `${Number((bytes / GIBIBYTE).toFixed(3))}Gi`;
}
