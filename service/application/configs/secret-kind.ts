import { API_VERSION, ClawError, type Secret, type SecretSource, type SecretSpec, secretFacts } from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves, sealedPlaces } from "../../domain/sealed.ts";
import { availability, type StoredSecret } from "../../domain/secrets/secret.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { SecretSources } from "../ports/secrets/secret-sources.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { everyOf, pagesOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid, platformOnly } from "../resources/refusals.ts";
import { sealGiven } from "../secrets/seal-config.ts";
import { isNamed, reviseUsers, tenantsOf } from "./secret-users.ts";

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
      const spec = sealSecret(given, before?.spec, cipher);
      // What another source gave is not this one's.
      const isSameSource = digestOf(spec.source) === digestOf(before?.spec.source);
      const state = before && isSameSource && spec.source ? before.state : {};
      return { next: { ...base, tenantId: home.id, spec, shared: home.name === SHARED_TENANT, state } };
    },
    async settle({ tx, home, stamp }, { before, after }) {
      // What a source gives is known when it was read.
      if (after.spec.value !== undefined && digestOf(after.spec.value) !== digestOf(before?.spec.value)) {
        await reviseUsers(tx, after, home, stamp.now, stamp.actor.subject);
      }
      return {};
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
  const { readAt, changedAt } = secret.state;
  return {
    apiVersion: API_VERSION,
    kind: "Secret",
    metadata: { ...presentMetadata(secret), namespace: tenant },
    spec: maskLeaves(secret.spec),
    status: {
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
  const sealing = { isSecret: () => true, former: sealedPlaces(former?.value, VALUE), cipher };
  return { ...given, value: sealGiven(given.value, sealing, VALUE, "spec.value") };
}

const VALUE = ["value"];

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
