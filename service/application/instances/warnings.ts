import { coerce, lt } from "semver";
import type { PreviewItem } from "../../../sdk/contract/index.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import { sealedPlaces } from "../../domain/sealed.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { type Affected, hasNewConfig, keyOf, type Outcome } from "./affected.ts";

type Warning = PreviewItem["problems"][number];

export interface WarningDependencies {
  readonly cipher: SecretCipher;
  /** Whether claws of the control plane's own host reach a Docker engine. */
  readonly hasDocker: boolean;
}

/** Instances of a tenant that are looked through for one that wants the same. */
const LOOKED_THROUGH = 2000;

/** What may go wrong with what changes though nothing forbids it, by instance: told by previews. */
export async function warningsOf(
  tx: PlatformTransaction,
  affected: readonly Affected[],
  deps: WarningDependencies,
): Promise<ReadonlyMap<string, readonly Warning[]>> {
  const found = new Map<string, Warning[]>();
  const warn: Warn = (item, path, message, fix) => {
    found.set(keyOf(item), [...(found.get(keyOf(item)) ?? []), { path, message, fix, blocking: false, warning: true }]);
  };
  for (const item of affected) {
    const { before, after } = item;
    if (before?.resolved && after?.resolved && isLower(after.version, before.version)) {
      const message = `goes back from ${before.version} to ${after.version}, which may not read the data that the newer version has written`;
      warn(item, "spec.version", message, "stay with the newer version, or have a copy of the data of before it");
    }
    const docker = hasNewConfig(item) ? after?.demands.docker : undefined;
    if (after && docker !== undefined && !(rulesAt(after.instance.cluster).isBesideControlPlane && deps.hasDocker)) {
      const message = `wants containers of a Docker engine, and a claw on '${after.instance.cluster}' reaches none`;
      warn(item, docker, message, "set it to 'off': the claw is confined as a whole already");
    }
  }
  for (const [tenantId, items] of Map.groupBy(affected, (item) => item.tenantId)) {
    const [wantPorts, wantAccounts] = [items.filter(wantsAnotherPort), items.filter(wantsAccounts)];
    if (wantPorts.length + wantAccounts.length > 0) {
      const scope = await tx.enter(tenantId);
      const others = await othersThan(scope, items);
      warnOfPorts(wantPorts, [...items.flatMap(({ after }) => after?.instance ?? []), ...others], warn);
      if (wantAccounts.length > 0) {
        warnOfAccounts(wantAccounts, await usersOfSecrets(scope, items, others, deps.cipher), warn);
      }
    }
  }
  return found;
}

type Warn = (item: Affected, path: string, message: string, fix: string) => void;
type Staying = Affected & { readonly after: Outcome };
type Other = Pick<Outcome["instance"], "name" | "cluster" | "spec">;

/** The tenant's instances that are not affected. */
async function othersThan(scope: TenantTransaction, affected: readonly Affected[]): Promise<Other[]> {
  const known = new Set(affected.map(({ name }) => name));
  const others: Other[] = [];
  let looked = 0;
  for await (const { name, cluster, spec, deletedAt } of everyOf((page) => scope.instances.list(page))) {
    if (!known.has(name) && deletedAt === undefined) {
      others.push({ name, cluster, spec });
    }
    if (++looked >= LOOKED_THROUGH) {
      break;
    }
  }
  return others;
}

/** On the control plane's own host: pods have ports of their own. */
function wantsAnotherPort(item: Affected): item is Staying {
  const { before, after } = item;
  const place = (outcome: Outcome | undefined) => outcome && [outcome.instance.cluster, outcome.instance.spec.network.port].join();
  return (
    after?.resolved !== undefined &&
    after.instance.spec.network.port !== undefined &&
    rulesAt(after.instance.cluster).isBesideControlPlane &&
    place(before) !== place(after)
  );
}

function warnOfPorts(wanting: readonly Staying[], all: readonly Other[], warn: Warn): void {
  for (const item of wanting) {
    const { instance, resolved } = item.after;
    const { port = 0 } = instance.spec.network;
    const span = resolved?.runtime.port.span ?? 1;
    const rival = all.find(({ name, cluster, spec }) => {
      const distance = (spec.network.port ?? Number.POSITIVE_INFINITY) - port;
      // Only one of its own type is known to need as many as itself.
      const isNear = distance >= 0 ? distance < span : spec.type === instance.spec.type && -distance < span;
      return name !== item.name && cluster === instance.cluster && isNear;
    });
    if (rival) {
      const wanted = span === 1 ? `port ${port}` : `port ${port}, with those up to ${port + span - 1},`;
      const message = `${wanted} is too near to ${rival.spec.network.port}, which instance '${rival.name}' wants: one of them won't start`;
      warn(item, "spec.network.port", message, "choose another network.port, or none");
    }
  }
}

function wantsAccounts(item: Affected): item is Staying {
  return hasNewConfig(item) && item.after?.resolved?.running === true && item.after.demands.accounts.length > 0;
}

/** A bot's token in two claws: each gets some of its messages, or one of them none. */
function warnOfAccounts(wanting: readonly Staying[], users: ReadonlyMap<string, readonly string[]>, warn: Warn): void {
  for (const item of wanting) {
    for (const { path, secret } of item.after.demands.accounts) {
      const other = users.get(secret)?.find((name) => name !== item.name);
      if (other !== undefined) {
        const message = `is the account of instance '${other}' too: its platform gives a message to one of them, or shuts one out`;
        warn(item, path, message, "give each instance an account of its own");
      }
    }
  }
}

/** Who runs with which secret. Those that are affected are known exactly, of others it is what they and their templates hold. */
async function usersOfSecrets(
  scope: TenantTransaction,
  affected: readonly Affected[],
  others: readonly Other[],
  cipher: SecretCipher,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const users = new Map<string, string[]>();
  const note = (name: string, secrets: Iterable<string>) => {
    for (const secret of secrets) {
      users.set(secret, [...(users.get(secret) ?? []), name]);
    }
  };
  for (const { name, after } of affected) {
    note(name, after?.resolved?.running ? after.demands.accounts.map(({ secret }) => secret) : []);
  }
  const ofTemplates = new Map<string, readonly string[]>();
  for (const { name, spec } of others.filter((other) => other.spec.running)) {
    const { template } = spec.config;
    if (template !== undefined && !ofTemplates.has(template)) {
      ofTemplates.set(template, await secretsOfTemplate(scope, template, cipher));
    }
    note(name, new Set([...secretsIn(spec.config.overrides, cipher), ...(ofTemplates.get(template ?? "") ?? [])]));
  }
  return users;
}

async function secretsOfTemplate(scope: TenantTransaction, name: string, cipher: SecretCipher): Promise<readonly string[]> {
  const template = await scope.templates.find(name);
  const published = template && (await scope.templates.findVersion(template.id, template.publishedVersion));
  return published ? secretsIn([published.spec.base, published.spec.variables], cipher) : [];
}

function secretsIn(value: unknown, cipher: SecretCipher): string[] {
  return [...sealedPlaces(value).values()].map(({ $sealed }) => String(JSON.parse(cipher.decrypt($sealed))));
}

/** What can't be compared is not lower. */
function isLower(version: string, than: string): boolean {
  const [own, other] = [coerce(version, { includePrerelease: true }), coerce(than, { includePrerelease: true })];
  return own !== null && other !== null && lt(own, other);
}
