import type { RolloutChange } from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { Member, RolloutState, StoredRollout } from "../../domain/rollouts/rollout.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { heldTo, holdTo, named, templateOf } from "./selection.ts";

/** What the end of a rollout comes to. */
export interface Finish {
  readonly changes: readonly PlannedChange[];
  readonly state: Pick<RolloutState, "message">;
}

/**
 * Makes the version that all of a rollout's instances have the one that is everybody's, and lets them go. Where that would reach others, which nobody
 * has looked at, they stay held to it.
 */
export async function finishing(
  at: TenantTransaction,
  { spec, tenantId }: StoredRollout,
  members: readonly Member[],
  tenant: string,
): Promise<Finish> {
  const done = members.filter((member) => member.state === "updated");
  const all = `${done.length} instances have it`;
  const { config, secret } = spec.change;
  if (secret) {
    return rotating(at, spec.change, { ...secret, members, done, tenant });
  }
  if (!config) {
    return { changes: [], state: { message: all } };
  }
  const template = await templateOf(at, config.template);
  if (template.tenantId !== tenantId) {
    const message = `${all}, and stay held to version ${config.version}: the template is shared by all tenants`;
    return { changes: [], state: { message } };
  }
  const others = await followers(at, config.template, members);
  if (others.length > 0) {
    const [told] = named(others, "");
    const message = `${all}, and stay held to version ${config.version}: ${told?.count} others follow version ${template.publishedVersion} (${told?.instances.join(", ")}); 'claw configs promote ${template.name} --to ${config.version}' lets them have it too`;
    return { changes: [], state: { message } };
  }
  const to = { name: template.name, to: config.version, tenant } as const;
  const published: PlannedChange[] =
    config.version === template.publishedVersion
      ? []
      : [{ action: config.version > template.publishedVersion ? "promote" : "rollback", ...to }];
  const released = done.map((member) => holdTo(spec.change, member, null, tenant));
  const message = `${all}, and version ${config.version} is what everybody has who uses '${template.name}'`;
  return { changes: [...published, ...released], state: { message } };
}

/** The same of a secret's value: where others use the secret, its instances alone have it. */
async function rotating(
  at: TenantTransaction,
  change: RolloutChange,
  {
    name,
    number,
    members,
    done,
    tenant,
  }: {
    readonly name: string;
    readonly number: number;
    readonly members: readonly Member[];
    readonly done: readonly Member[];
    readonly tenant: string;
  },
): Promise<Finish> {
  const all = `${done.length} instances have it`;
  const own = new Set<string>(members.map(({ instance }) => instance));
  const others: { name: string }[] = [];
  for await (const instance of everyOf((page) => at.instances.listUsing({ secret: name, shared: false }, page))) {
    if (instance.deletedAt === undefined && heldTo(instance, change) !== number && !own.has(instance.id)) {
      others.push({ name: instance.name });
    }
  }
  if (others.length > 0) {
    const [told] = named(others, "");
    const message = `${all}, and stay held to value ${number}: ${told?.count} others use the secret (${told?.instances.join(", ")}); 'claw secrets rotate ${name} --to ${number}' lets them have it too`;
    return { changes: [], state: { message } };
  }
  const released = done.map((member) => holdTo(change, member, null, tenant));
  const message = `${all}, and value ${number} is what everybody has who uses '${name}'`;
  return { changes: [{ action: "rotate", name, to: number, tenant }, ...released], state: { message } };
}

/** Instances that have whichever version is current, and are none of the rollout's. */
async function followers(at: TenantTransaction, template: string, members: readonly Member[]): Promise<{ name: string }[]> {
  const own = new Set<string>(members.map(({ instance }) => instance));
  const found: { name: string }[] = [];
  for await (const { id, name, spec, deletedAt } of everyOf((page) =>
    at.instances.list({ ...page, fieldSelector: `spec.config.template=${template}` }),
  )) {
    if (deletedAt === undefined && spec.config.version === undefined && !own.has(id)) {
      found.push({ name });
    }
  }
  return found;
}
