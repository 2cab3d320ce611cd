import { coerce, lt } from "semver";
import type { PreviewItem } from "../../../sdk/contract/index.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import type { Claimant } from "../ports/instances/claim-repository.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { type Affected, hasNewConfig, keyOf, type Outcome } from "./affected.ts";

type Warning = PreviewItem["problems"][number];

export interface WarningDependencies {
  readonly cipher: SecretCipher;
  /** Whether claws of the control plane's own host reach a Docker engine. */
  readonly hasDocker: boolean;
}

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
  await warnOfPorts(tx, affected.filter(wantsAnotherPort), warn);
  await warnOfAccounts(tx, affected.filter(wantsAccounts), deps.cipher, warn);
  return found;
}

type Warn = (item: Affected, path: string, message: string, fix: string) => void;
type Staying = Affected & { readonly after: Outcome };

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

async function warnOfPorts(tx: PlatformTransaction, wanting: readonly Staying[], warn: Warn): Promise<void> {
  for (const [cluster, items] of Map.groupBy(wanting, ({ after }) => after.instance.cluster)) {
    const claims = await tx.claims.ports(cluster);
    for (const item of items) {
      const { instance, resolved } = item.after;
      const { port = 0 } = instance.spec.network;
      const span = resolved?.runtime.port.span ?? 1;
      const rivals = claims.filter((claim) => {
        const distance = claim.port - port;
        // Only one of its own type is known to need as many as itself.
        const isNear = distance >= 0 ? distance < span : claim.type === instance.spec.type && -distance < span;
        return isNear && !isOf(claim, item);
      });
      const rival = rivalOf(item, rivals);
      if (rival) {
        const wanted = span === 1 ? `port ${port}` : `port ${port}, with those up to ${port + span - 1},`;
        const message = isOwn(rival, item)
          ? `${wanted} is too near to ${rival.port}, which instance '${rival.instance}' wants: one of them won't start`
          : `${wanted} on this host is taken by another tenant's instance: one of them won't start`;
        warn(item, "spec.network.port", message, "choose another network.port, or none");
      }
    }
  }
}

function wantsAccounts(item: Affected): item is Staying {
  return hasNewConfig(item) && item.after?.resolved?.running === true && item.after.demands.accounts.length > 0;
}

/** A bot's token in two claws: each gets some of its messages, or one of them none. */
async function warnOfAccounts(tx: PlatformTransaction, wanting: readonly Staying[], cipher: SecretCipher, warn: Warn): Promise<void> {
  const digests = new Set(wanting.flatMap(({ after }) => accountsOf(after, cipher)));
  const claims = digests.size > 0 ? await tx.claims.accounts([...digests]) : [];
  for (const item of wanting) {
    for (const { path, secret } of item.after.demands.accounts) {
      const digest = digestOfAccount(secret, cipher);
      const rivals = claims.filter((claim) => claim.digest === digest && !isOf(claim, item));
      const rival = rivalOf(item, rivals);
      if (rival) {
        const whose = isOwn(rival, item) ? `instance '${rival.instance}'` : "another tenant's instance";
        const message = `is the account of ${whose} too: its platform gives a message to one of them, or shuts one out`;
        warn(item, path, message, "give each instance an account of its own");
      }
    }
  }
}

/** Another tenant's things have no names here, so the own tenant's is told of first. */
function rivalOf<T extends Claimant>(item: Affected, rivals: readonly T[]): T | undefined {
  return rivals.find((rival) => isOwn(rival, item)) ?? rivals[0];
}

function isOf({ tenantId, instance }: Claimant, item: Affected): boolean {
  return tenantId === item.tenantId && instance === item.name;
}

function isOwn({ tenantId }: Claimant, item: Affected): boolean {
  return tenantId === item.tenantId;
}

/** Writes down which accounts the instances have now, for those who want one of them later. */
export async function claimAccounts(tx: PlatformTransaction, affected: readonly Affected[], cipher: SecretCipher): Promise<void> {
  for (const { tenantId, name, before, after } of affected) {
    const [former, now] = [accountsOf(before, cipher), accountsOf(after, cipher)];
    if (former.join() !== now.join()) {
      await tx.claims.setAccounts({ tenantId, instance: name }, now);
    }
  }
}

/** The accounts that a claw runs with, by digests that tell nobody their secrets. */
function accountsOf(outcome: Outcome | undefined, cipher: SecretCipher): readonly string[] {
  const accounts = outcome?.isResolved && outcome.instance.spec.running ? outcome.demands.accounts : [];
  return [...new Set(accounts.map(({ secret }) => digestOfAccount(secret, cipher)))].sort();
}

function digestOfAccount(secret: string, cipher: SecretCipher): string {
  return cipher.derive(`account ${secret}`);
}

/** What can't be compared is not lower. */
function isLower(version: string, than: string): boolean {
  const [own, other] = [coerce(version, { includePrerelease: true }), coerce(than, { includePrerelease: true })];
  return own !== null && other !== null && lt(own, other);
}
