import { ClawError, type ConfigTemplateSpec, type TenantId } from "../../../sdk/contract/index.ts";
import { SECRET_RULES_VERSION } from "../../domain/configs/secret-rules.ts";
import { digestOf } from "../../domain/digest.ts";
import { requestReconcile } from "../../domain/instances/instance.ts";
import { maskLeaves, rewrapLeaves } from "../../domain/sealed.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { FormerValues } from "../ports/configs/repositories.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { RotatingCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { sealOverrides, sealTemplate, sealValues } from "./seal-config.ts";

export interface ResealDependencies {
  readonly transactions: Transactions;
  readonly types: ClawTypes;
  readonly cipher: RotatingCipher;
}

/** Under which key, and which rules, everything that is stored was sealed last: the key's id stands first. */
export const RESEALED = "resealed";
const ATTEMPTS = 5;
/** Each may be half a megabyte. */
const FORMER_AT_ONCE = 20;

/**
 * Brings stored secrets under the newest key, and seals what newer rules take for secret, once after either has changed. Each row is
 * a transaction of its own and the mark is written last: whoever is killed in between does it again, and what is done already costs a look.
 * What was rendered of a secret in clear is so in files and in the stack until it is applied again. A stopped instance is; a running claw
 * would have to be started anew for it, since a sealed secret is in its environment, which is nothing that a start of the service does.
 * @returns running instances whose secrets stood in clear, as `tenant/name`
 */
export async function resealStored(deps: ResealDependencies): Promise<readonly string[]> {
  const { transactions, types, cipher } = deps;
  const rules = types.builtIn.map(({ type, secretKeys, plainKeys }) => [type, secretKeys, plainKeys]);
  const mark = `${cipher.keyId}:${digestOf([SECRET_RULES_VERSION, rules])}`;
  if ((await transactions.platform((tx) => tx.keyring.find(RESEALED))) === mark) {
    return [];
  }
  await resealClusters(deps);
  const templates = new Set<string>();
  for await (const { id } of tenantsOf(deps)) {
    for (const template of await exposedTemplates(id, deps)) {
      templates.add(template);
    }
  }
  const places = new Set<string>();
  for await (const { id } of tenantsOf(deps)) {
    await resealSecrets(id, deps);
    for (const place of await resealValues(id, deps)) {
      places.add(place);
    }
    await resealFormerValues(id, deps);
  }
  // Before the templates are sealed, which show no more then what stood in them: whoever is killed in between asks them again.
  const exposed: string[] = [];
  for await (const { id, name } of tenantsOf(deps)) {
    exposed.push(...(await resealInstances(id, { templates, places }, deps)).map((instance) => `${name}/${instance}`));
  }
  const sameAgain = remembering(deps.cipher);
  for await (const { id } of tenantsOf(deps)) {
    await resealTemplates(id, { ...deps, cipher: sameAgain });
    // What a plan would write is under a former key.
    await transactions.tenant(id, (tx) => tx.plans.discardPending());
  }
  await transactions.platform((tx) => tx.keyring.put(RESEALED, mark));
  return exposed;
}

async function resealClusters({ transactions, cipher }: ResealDependencies): Promise<void> {
  for await (const { name } of everyOf((page) => transactions.platform((tx) => tx.clusters.list(page)))) {
    await patiently(() =>
      transactions.platform(async (tx) => {
        const cluster = await tx.clusters.find(name);
        const spec = rewrapLeaves(cluster?.spec, cipher);
        if (cluster && spec && digestOf(spec) !== digestOf(cluster.spec)) {
          await tx.clusters.update({ ...cluster, spec }, cluster.resourceVersion);
        }
      }),
    );
  }
}

/** Whether something is secret in what is sealed that stood in clear before. */
const wasExposed = (before: unknown, sealed: unknown) => digestOf(maskLeaves(before)) !== digestOf(maskLeaves(sealed));

/** Ids of those that have a secret in clear, in whichever published version. */
async function exposedTemplates(tenantId: TenantId, { transactions, types, cipher }: ResealDependencies): Promise<string[]> {
  const exposed: string[] = [];
  for await (const { id } of everyOf((page) => transactions.tenant(tenantId, (tx) => tx.templates.list(page)))) {
    const isExposed = await transactions.tenant(tenantId, async (tx) => {
      const template = await tx.templates.find(id);
      const adapter = template?.tenantId === tenantId ? await types.find(template.spec.adapter, tx) : undefined;
      const isClear = (spec: ConfigTemplateSpec) =>
        adapter !== undefined && wasExposed(spec, sealTemplate(spec, undefined, adapter, cipher));
      for (let number = template ? await tx.templates.newestVersion(template.id) : 0; template && number > 0; number--) {
        const version = await tx.templates.findVersion(template.id, number);
        if (version && isClear(version.spec)) {
          return true;
        }
      }
      return false;
    });
    if (isExposed) {
      exposed.push(id);
    }
  }
  return exposed;
}

/** The same secret keeps one ciphertext through all versions and whatever extends them: else a draft would differ from what was published of it. */
function remembering(cipher: RotatingCipher): RotatingCipher {
  const known = new Map<string, string>();
  return {
    keyId: cipher.keyId,
    derive: (purpose) => cipher.derive(purpose),
    isCurrent: (text: string) => cipher.isCurrent(text),
    decrypt: (text: string) => cipher.decrypt(text),
    encrypt: (text: string) => known.get(text) ?? known.set(text, cipher.encrypt(text)).get(text) ?? "",
  };
}

async function resealSecrets(tenantId: TenantId, { transactions, cipher }: ResealDependencies): Promise<void> {
  for await (const { id } of everyOf((page) => transactions.tenant(tenantId, (tx) => tx.secrets.list(page)))) {
    await patiently(() =>
      transactions.tenant(tenantId, async (tx) => {
        const secret = await tx.secrets.find(id);
        const next = secret && { ...secret, ...rewrapLeaves({ spec: secret.spec, state: secret.state }, cipher) };
        if (secret && next && digestOf([next.spec, next.state]) !== digestOf([secret.spec, secret.state])) {
          await tx.secrets.update(next, secret.resourceVersion);
        }
      }),
    );
  }
}

/** Every tenant's. */
const GLOBAL = "global";

/** @returns where values stood in clear that are sealed now: ids of tenants, projects and instances, or {@link GLOBAL} */
async function resealValues(tenantId: TenantId, { transactions, types, cipher }: ResealDependencies): Promise<string[]> {
  const exposed: string[] = [];
  for await (const { id } of everyOf((page) => transactions.tenant(tenantId, (tx) => tx.values.list(page)))) {
    await patiently(() =>
      transactions.tenant(tenantId, async (tx) => {
        const values = await tx.values.find(id);
        if (values?.tenantId !== tenantId) {
          return;
        }
        const spec = sealValues(rewrapLeaves(values.spec, cipher), undefined, { adapters: await types.list(tx), variables: [], cipher });
        if (wasExposed(values.spec, spec)) {
          exposed.push(values.spec.at === GLOBAL ? GLOBAL : (values.instanceId ?? values.projectId ?? tenantId));
        }
        if (digestOf(spec) !== digestOf(values.spec)) {
          await tx.values.update({ ...values, spec }, values.resourceVersion);
        }
      }),
    );
  }
  return exposed;
}

/** They reach nobody: only what they are sealed by is another. */
async function resealFormerValues(tenantId: TenantId, { transactions, types, cipher }: ResealDependencies): Promise<void> {
  let last: FormerValues | undefined;
  do {
    last = await transactions.tenant(tenantId, async (tx) => {
      const former = await tx.values.listFormer(last, FORMER_AT_ONCE);
      const adapters = await types.list(tx);
      for (const each of former) {
        const spec = sealValues(rewrapLeaves(each.spec, cipher), undefined, { adapters, variables: [], cipher });
        if (digestOf(spec) !== digestOf(each.spec)) {
          await tx.values.rewriteFormer({ ...each, spec });
        }
      }
      return former.length < FORMER_AT_ONCE ? undefined : former.at(-1);
    });
  } while (last);
}

async function resealTemplates(tenantId: TenantId, { transactions, types, cipher }: ResealDependencies): Promise<void> {
  for await (const { id } of everyOf((page) => transactions.tenant(tenantId, (tx) => tx.templates.list(page)))) {
    await patiently(() =>
      transactions.tenant(tenantId, async (tx) => {
        const template = await tx.templates.find(id);
        const adapter = template?.tenantId === tenantId ? await types.find(template.spec.adapter, tx) : undefined;
        if (!template || !adapter) {
          return;
        }
        let former: ConfigTemplateSpec | undefined;
        const reseal = (spec: ConfigTemplateSpec) => {
          former = sealTemplate(rewrapLeaves(spec, cipher), former, adapter, cipher);
          return former;
        };
        let publishedDigest = template.publishedDigest;
        const newest = await tx.templates.newestVersion(template.id);
        for (let number = 1; number <= newest; number++) {
          const version = await tx.templates.findVersion(template.id, number);
          if (!version) {
            continue;
          }
          const spec = reseal(version.spec);
          const written = version.written && reseal(version.written);
          const digest = digestOf(spec);
          if (digest !== digestOf(version.spec)) {
            await tx.templates.rewriteVersion({ ...version, spec, digest, written });
          }
          publishedDigest = version.version === template.publishedVersion ? digest : publishedDigest;
        }
        const spec = reseal(template.spec);
        if (digestOf(spec) !== digestOf(template.spec) || publishedDigest !== template.publishedDigest) {
          await tx.templates.update({ ...template, spec, publishedDigest }, template.resourceVersion);
        }
      }),
    );
  }
}

/** @returns names of running ones whose secrets stood in clear */
async function resealInstances(
  tenantId: TenantId,
  { templates, places }: { readonly templates: ReadonlySet<string>; readonly places: ReadonlySet<string> },
  { transactions, types, cipher }: ResealDependencies,
): Promise<string[]> {
  const exposed: string[] = [];
  for await (const { id, name } of everyOf((page) => transactions.tenant(tenantId, (tx) => tx.instances.list(page)))) {
    const isToRestart = await patiently(() =>
      transactions.tenant(tenantId, async (tx) => {
        const instance = await tx.instances.find(id);
        const adapter = instance && (await types.find(instance.spec.type, tx));
        if (!instance || !adapter) {
          return false;
        }
        const { config, running } = instance.spec;
        const template = config.template === undefined ? undefined : await tx.templates.find(config.template);
        const published = template && (await tx.templates.findVersion(template.id, template.publishedVersion));
        const variables = [...(published?.spec.variables ?? []), ...(template?.spec.variables ?? [])];
        const spec = sealOverrides(rewrapLeaves(instance.spec, cipher), undefined, { adapter, variables, cipher });
        const isExposed =
          wasExposed(instance.spec, spec) ||
          (template !== undefined && templates.has(template.id)) ||
          [GLOBAL, tenantId, instance.projectId, instance.id].some((place) => places.has(place));
        const isToApply = isExposed && !running;
        if (isToApply || digestOf(spec) !== digestOf(instance.spec)) {
          const sealed = { ...instance, spec };
          await tx.instances.update(isToApply ? requestReconcile(sealed) : sealed, instance.resourceVersion);
        }
        return isExposed && running;
      }),
    );
    if (isToRestart) {
      exposed.push(name);
    }
  }
  return exposed;
}

/** Each page is a transaction of its own. */
function tenantsOf({ transactions }: ResealDependencies): AsyncGenerator<Tenant> {
  return everyOf((page) => transactions.platform((tx) => tx.tenants.list(page)));
}

/** Again when somebody wrote the row meanwhile. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof ClawError && error.code === "resource.version_conflict")) {
        throw error;
      }
    }
  }
}
