import { API_VERSION, ClawError, type Secret, type SecretSource, type SecretSpec, secretFacts } from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves, sealedPlaces } from "../../domain/sealed.ts";
import { availability, FIRST_NUMBER, numbered, rotated, type StoredSecret } from "../../domain/secrets/secret.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { SecretSources } from "../ports/secrets/secret-sources.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { everyOf, pagesOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid, platformOnly } from "../resources/refusals.ts";
import { sealGiven } from "../secrets/seal-config.ts";
import { isNamed, reviseUsers, tenantsOf, useOf } from "./secret-users.ts";

interface SecretDependencies {
  readonly cipher: SecretCipher;
  readonly sources: Pick<SecretSources, "whyNot">;
}

/** Of one tenant: each whose source is elsewhere is read again and again. */
const SECRETS_MAX = 1000;

/** Secrets that configurations name (C10). */
export function secretKind({ cipher, sources }: SecretDependencies): ResourceKind<"Secret", StoredSecret> {
  return defineKind(secretFacts, ofTenant, {
    rows: (tx) => tx.secrets,
    async build(writer, { metadata, spec: given }, before: StoredSecret | undefined, base) {
      const { at, home } = writer;
      if ((given.value === undefined) === (given.source === undefined)) {
        throw invalid(
          "spec",
          `the secret '${metadata.name}' has ${given.value === undefined ? "neither" : "both"} of 'value' and 'source'`,
          "give one of them",
        );
      }
      if (!before && (await at.secrets.count()) >= SECRETS_MAX) {
        const message = `tenant '${home.name}' has ${SECRETS_MAX} secrets, which is all that it may have`;
        throw invalid("metadata.name", message, "delete some: claw secrets list");
      }
      if (given.source && digestOf(given.source) !== digestOf(before?.spec.source)) {
        await assertReadable(writer, given.source, sources);
      }
      if (given.next !== undefined && given.value === undefined) {
        throw invalid(
          "spec.next",
          `the secret '${metadata.name}' has its value from a source`,
          "give the value that is to come to its source",
        );
      }
      const spec = sealSecret(given, before?.spec, cipher);
      if (before?.spec.next !== undefined && digestOf(spec.next) !== digestOf(before.spec.next)) {
        await assertNobodyHas(at, before);
      }
      // What another source gave is not this one's.
      const isSameSource = digestOf(spec.source) === digestOf(before?.spec.source);
      const { number, lastNumber, nextNumber } = before?.state ?? {};
      const known = before && isSameSource && spec.source ? before.state : { number, lastNumber, nextNumber };
      const state = numbered(known, before?.spec, spec);
      return { next: { ...base, tenantId: home.id, spec, shared: home.name === SHARED_TENANT, state } };
    },
    async settle({ tx, home, stamp }, { before, after }) {
      // What a source gives is known when it was read.
      if (after.spec.value !== undefined && digestOf(after.spec.value) !== digestOf(before?.spec.value)) {
        await reviseUsers(tx, after, home, stamp.now, stamp.actor.subject);
      }
      return {};
    },
    async act({ tx, at, home, stamp }, { to }, before) {
      if (to === (before.state.number ?? FIRST_NUMBER)) {
        return { op: "same", after: before };
      }
      if (to !== before.state.nextNumber) {
        const message = `the secret '${before.name}' has no value ${to} that is to come`;
        throw invalid("to", message, `claw get secret ${before.name} -o yaml tells its numbers`);
      }
      const { generation, resourceVersion } = before;
      const counted = { generation: generation + 1, resourceVersion: resourceVersion + 1, updatedAt: stamp.now };
      const after = { ...before, ...rotated(before), ...counted };
      await at.secrets.update(after, resourceVersion);
      await reviseUsers(tx, after, home, stamp.now, stamp.actor.subject);
      return { op: "update", after };
    },
    async remove({ tx, at, home }, before) {
      for await (const tenant of tenantsOf(tx, before, home)) {
        const user = await isNamed(await tx.enter(tenant.id), before, tenant);
        if (user !== undefined) {
          const whose = tenant.id === home.id ? `instance '${user}'` : "an instance of another tenant";
          throw new ClawError(
            "secret.in_use",
            `secret '${before.name}' is named by the configuration of ${whose}; claw secrets where-used ${before.name}`,
          );
        }
      }
      await tx.enter(home.id);
      await at.secrets.delete(before.id);
      return REMOVED;
    },
    present: async (_tx, stored, tenant) => stored.map((secret) => presentSecret(secret, tenant)),
    async touches(tx, changes) {
      const tenants: string[] = [];
      if (changes.some(({ tenant }) => tenant === SHARED_TENANT)) {
        for await (const { name } of everyOf((page) => tx.tenants.list(page))) {
          tenants.push(name);
        }
      }
      return {
        tenants,
        async *instances(scope, tenant) {
          for (const { name, tenant: home } of changes.filter((change) => change.tenant === tenant || change.tenant === SHARED_TENANT)) {
            yield* pagesOf((page) => scope.instances.listUsing({ secret: name, shared: home !== tenant }, page));
          }
        },
      };
    },
  });
}

export function presentSecret(secret: StoredSecret, tenant: string): Secret {
  const { number = FIRST_NUMBER, nextNumber, readAt, changedAt } = secret.state;
  return {
    apiVersion: API_VERSION,
    kind: "Secret",
    metadata: { ...presentMetadata(secret), namespace: tenant },
    spec: maskLeaves(secret.spec),
    status: {
      number,
      ...(nextNumber !== undefined && { nextNumber }),
      ...(readAt !== undefined && { readAt }),
      ...(changedAt !== undefined && { changedAt }),
      conditions: [availability(secret)],
    },
  };
}

/** A secret at rest. @throws {ClawError} `request.invalid` for a mask of nothing */
function sealSecret(given: SecretSpec, former: SecretSpec | undefined, cipher: SecretCipher): SecretSpec {
  if (given.value === undefined) {
    return given;
  }
  const seal = (field: "value" | "next", value: string) => {
    const sealing = { isSecret: () => true, former: sealedPlaces(former?.[field], [field]), cipher };
    return sealGiven(value, sealing, [field], `spec.${field}`);
  };
  return { ...given, value: seal("value", given.value), ...(given.next !== undefined && { next: seal("next", given.next) }) };
}

/** What instances have already can't become something else. @throws {ClawError} `secret.in_use` */
async function assertNobodyHas(at: TenantTransaction, { name, tenantId, state: { nextNumber } }: StoredSecret): Promise<void> {
  const use = useOf({ name, tenantId, shared: false }, { id: tenantId });
  for await (const instance of everyOf((page) => at.instances.listUsing(use, page))) {
    if (instance.spec.config.secrets?.some((held) => held.name === name && held.number === nextNumber)) {
      const message = `instance '${instance.name}' has value ${nextNumber} of secret '${name}' already`;
      const fix = `let everybody have it (claw secrets rotate ${name} --to ${nextNumber}), or the instance the one before (claw pin ${instance.name} --secret ${name} --newest)`;
      throw new ClawError("secret.in_use", `${message}; ${fix}`, { issues: [{ path: "spec.next", message, fix }] });
    }
  }
}

/** Whoever may name what is the host's own gives it to claws. @throws {ClawError} */
async function assertReadable({ tx, stamp }: TenantWriter, source: SecretSource, sources: Pick<SecretSources, "whyNot">): Promise<void> {
  if ("env" in source || "file" in source) {
    if (!mayUseHost(stamp.actor)) {
      throw "env" in source ? platformOnly("spec.source.env", source.env) : platformOnly("spec.source.file", source.file);
    }
  }
  if ("kubernetes" in source && (await tx.clusters.find(source.kubernetes.cluster)) === undefined) {
    throw new ClawError("cluster.not_found", `there is no cluster '${source.kubernetes.cluster}'`);
  }
  const why = sources.whyNot(source);
  if (why !== undefined) {
    throw invalid("spec.source", why, "keep the secret elsewhere, or give its value");
  }
}
