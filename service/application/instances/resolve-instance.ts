// One file, though a long one: what an instance comes to, and why, is worked out of the same sources by the same few steps.
import {
  type ClusterSpec,
  formatConfigKey,
  type InstanceId,
  isSecretRef,
  type ProjectId,
  type ResolvedInstance,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { agentTokenOf } from "../../domain/access/tokens.ts";
import { isTree, valueAt } from "../../domain/configs/config-path.ts";
import type { ConfigTemplate, ConfigVersion } from "../../domain/configs/config-template.ts";
import { type ConfigValue, levelOf, type StoredConfigValues } from "../../domain/configs/config-values.ts";
import { takeEnvironment, withEnvironment } from "../../domain/configs/environment.ts";
import { type ConfigIssue, type ResolvedConfig, resolveConfig } from "../../domain/configs/resolve-config.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { allowedModels, allowedSkills } from "../../domain/policies/allowed.ts";
import { isAbout, type Policy, policiesOf } from "../../domain/policies/policy.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import { isSealed, type Opening } from "../../domain/sealed.ts";
import { type StoredSecret, secretRefsAt, valueFor } from "../../domain/secrets/secret.ts";
import {
  ClawAdapterError,
  type ClawTypes,
  type Demands,
  type KnownClawType,
  type NamedModel,
  type NamedSkill,
  type ParsedConfig,
} from "../ports/instances/claw-adapter.ts";
import type { ConfigQuestion } from "../ports/instances/claw-programs.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { inTurns } from "../resources/in-turns.ts";
import { openAt, openTemplate } from "../secrets/seal-config.ts";
import type { ConfigChecks } from "./config-checks.ts";
import type { Unconfined } from "./host-use.ts";

export interface ResolveDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
  /** What claws' own programs say of configs. */
  readonly checks: Pick<ConfigChecks, "known">;
  /** Where claws of this host are not confined: why, and what would mend it. */
  readonly unconfined?: Unconfined | undefined;
}

/** An instance with its configuration worked out: what the stack is to make true, or why it can't be. */
export interface Resolution {
  readonly instance: Instance;
  /** Absent when `issues` say why. */
  readonly resolved: ResolvedInstance | undefined;
  readonly issues: readonly ConfigIssue[];
  /** Published version of its template, when it uses one. */
  readonly configVersion: number | undefined;
  /** The effective software version. */
  readonly version: string;
  /** The models that its rendered configuration names. */
  readonly models: readonly NamedModel[];
  /** The skills that it names or leaves on. */
  readonly skills: readonly NamedSkill[];
  /** What it has to comply with. */
  readonly policies: readonly Policy[];
  /** What is to be asked of its program before this is written; undefined once that was tried, and where there is nothing to ask. */
  readonly question: ConfigQuestion | undefined;
  /** Why nobody has checked its config. */
  readonly unchecked: string | undefined;
  /** What its config wants of the world outside. */
  readonly demands: Demands;
  /** Plain values to be masked wherever they might be shown. */
  readonly secretValues: readonly string[];
}

const NO_DEMANDS: Demands = { accounts: [], docker: undefined };

interface KnownTemplate {
  readonly template: ConfigTemplate;
  /** The newest, and those that instances are held to. */
  readonly versions: ReadonlyMap<number, ConfigVersion>;
}

/** Values of one set, their secrets opened once for all instances that see them. */
interface OpenValues {
  readonly values: readonly ConfigValue[];
  /** Keys that held a secret. */
  readonly sealed: readonly string[];
}

/** What instances of one tenant that are held to the same values of secrets resolve from, loaded once for all of them. */
interface Sources {
  /** By type; undefined for one that is not known. */
  readonly adapters: ReadonlyMap<string, KnownClawType | undefined>;
  /** By name: those that there are. */
  readonly templates: ReadonlyMap<string, KnownTemplate>;
  valuesOf(instance: Instance): readonly OpenValues[];
  /** How what a tenant keeps is opened: it names that tenant's secrets. */
  openingOf(tenantId: TenantId): Opening;
  /** How what is the instances' own is. */
  readonly own: Opening;
  /** Where an instance runs, as that is declared; undefined for the control plane's own host. */
  clusterOf(name: string): Promise<Pick<ClusterSpec, "networkPolicy"> | undefined>;
  /** What instances of the tenant have to comply with. */
  readonly policies: readonly Policy[];
  /** Values of secrets that they are held to and that there are not. */
  readonly unmet: readonly ConfigIssue[];
}

/**
 * Template, levels and overrides → unified config → adapter → files and runtime (C8). Deterministic: the same stored state gives the
 * same bytes, which is what a plan's digest rests on. Reads inside the transaction, as often for many instances as for one; computes little.
 * @param valuesAt the time whose values of the levels count; those of now when absent
 */
export async function resolveInstances(
  tx: Pick<PlatformTransaction, "clusters">,
  scope: TenantTransaction,
  tenant: string,
  instances: readonly Instance[],
  deps: ResolveDependencies,
  valuesAt?: string,
): Promise<Resolution[]> {
  if (instances.length === 0) {
    return [];
  }
  return withSources(tx, scope, instances, deps, valuesAt, (sources, instance) => resolveInstance(sources, tenant, instance, deps));
}

/**
 * Loads sources once for all instances that have the same values of secrets: what is opened for one is the same for the others. In a rollout of a
 * secret some are held to what is to come.
 */
async function withSources<T>(
  tx: Pick<PlatformTransaction, "clusters">,
  scope: TenantTransaction,
  instances: readonly Instance[],
  deps: Pick<ResolveDependencies, "types" | "cipher">,
  valuesAt: string | undefined,
  work: (sources: Sources, instance: Instance) => Promise<T>,
): Promise<T[]> {
  const results = new Map<Instance, T>();
  for (const alike of Map.groupBy(instances, ({ spec }) => digestOf(spec.config.secrets ?? [])).values()) {
    const sources = await sourcesOf(tx, scope, alike, deps, valuesAt);
    const done = await inTurns(alike, async (instance) => ({ instance, result: await work(sources, instance) }));
    for (const { instance, result } of done) {
      results.set(instance, result);
    }
  }
  // In the order in which they were asked for.
  return instances.flatMap((instance) => (results.has(instance) ? [results.get(instance) as T] : []));
}

async function sourcesOf(
  tx: Pick<PlatformTransaction, "clusters">,
  scope: TenantTransaction,
  instances: readonly Instance[],
  { types, cipher }: Pick<ResolveDependencies, "types" | "cipher">,
  valuesAt?: string,
): Promise<Sources> {
  const adapters = new Map<string, KnownClawType | undefined>();
  for (const type of new Set(instances.map(({ spec }) => spec.type))) {
    adapters.set(type, await types.find(type, scope));
  }
  const templates = new Map<string, KnownTemplate>();
  for (const [name, users] of Map.groupBy(instances, ({ spec }) => spec.config.template)) {
    const template = name === undefined ? undefined : await scope.templates.find(name);
    if (!template) {
      continue;
    }
    const versions = new Map<number, ConfigVersion>();
    for (const number of new Set(users.map(({ spec }) => spec.config.version ?? template.publishedVersion))) {
      const version = await scope.templates.findVersion(template.id, number);
      if (version) {
        versions.set(number, version);
      }
    }
    templates.set(template.name, { template, versions });
  }
  const projects = [...new Set(instances.map(({ projectId }) => projectId))];
  const ids = instances.map(({ id }) => id);
  const values = await (valuesAt === undefined ? scope.values.listFor(projects, ids) : scope.values.listAsOf(valuesAt, projects, ids));
  const named = await secretsNamedBy(scope, [
    ...instances.map(({ spec }) => ({ tenantId: scope.tenantId, spec: spec.config.overrides })),
    ...values,
    ...[...templates.values()].flatMap(({ template, versions }) =>
      [...versions.values()].map(({ spec }) => ({ tenantId: template.tenantId, spec })),
    ),
  ]);
  const heldTo = instances[0]?.spec.config.secrets ?? [];
  // Of the tenant's own: what the platform's secrets are, the platform says.
  const numberOf = (tenantId: TenantId, name: string) =>
    tenantId === scope.tenantId ? heldTo.find((held) => held.name === name)?.number : undefined;
  const openingOf = (tenantId: TenantId): Opening => ({
    cipher,
    meaning: (name) => meaningOf(named(tenantId, name), cipher, numberOf(tenantId, name)),
  });
  const byOwner = Map.groupBy(values, ({ instanceId, projectId }) => instanceId ?? projectId);
  const opened = new Map([...byOwner].map(([owner, sets]) => [owner, sets.map((set) => openValues(set, openingOf(set.tenantId)))]));
  const of = (owner: string | undefined) => opened.get(owner as ProjectId | InstanceId | undefined) ?? [];
  return {
    adapters,
    templates,
    openingOf,
    own: openingOf(scope.tenantId),
    unmet: heldTo.flatMap(({ name, number }, index): ConfigIssue[] => {
      const secret = named(scope.tenantId, name);
      const message = `secret '${name}' has no value ${number}`;
      const fix = "let it have the one that everybody has: claw pin --newest --secret";
      return secret && valueFor(secret, number) === undefined && secret.spec.source === undefined
        ? [{ path: `spec.config.secrets[${index}]`, message, fix }]
        : [];
    }),
    policies: policiesOf(await scope.tenants.get(scope.tenantId), await scope.policies.inForce()),
    clusterOf: async (name) => (await tx.clusters.find(name))?.spec,
    valuesOf: ({ projectId, id }) => [...of(undefined), ...of(projectId), ...of(id)],
  };
}

async function resolveInstance(sources: Sources, tenant: string, instance: Instance, deps: ResolveDependencies): Promise<Resolution> {
  const adapter = sources.adapters.get(instance.spec.type);
  const version = instance.spec.version ?? adapter?.defaultVersion ?? "";
  const policies = sources.policies.filter((policy) => isAbout(policy, instance));
  const failed: Failed = (issues, configVersion) => ({
    instance,
    resolved: undefined,
    issues,
    configVersion,
    version,
    models: [],
    skills: [],
    policies,
    demands: NO_DEMANDS,
    question: undefined,
    unchecked: undefined,
    secretValues: [],
  });
  try {
    return await resolveWith({ ...sources, adapter, version, policies, failed }, tenant, instance, deps);
  } catch (error) {
    if (error instanceof ClawAdapterError) {
      return failed([error.issue]);
    }
    throw error;
  }
}

type Failed = (issues: readonly ConfigIssue[], configVersion?: number) => Resolution;
interface OfOne extends Sources {
  readonly adapter: KnownClawType | undefined;
  readonly version: string;
  readonly failed: Failed;
}

async function resolveWith(sources: OfOne, tenant: string, instance: Instance, deps: ResolveDependencies): Promise<Resolution> {
  const { adapter, version, policies, failed } = sources;
  const { spec } = instance;
  if (!adapter) {
    const message = `claw type '${spec.type}' is not known any more`;
    return failed([{ path: "spec.type", message, fix: "bring the type back, or destroy the instance" }]);
  }
  const unfit = unfitFor(instance.cluster, adapter, deps.unconfined);
  if (unfit) {
    return failed([unfit]);
  }

  const source = spec.config.template === undefined ? undefined : sources.templates.get(spec.config.template);
  const { template } = source ?? {};
  const published = source?.versions.get(spec.config.version ?? source.template.publishedVersion);
  if (spec.config.template !== undefined && !template) {
    return failed([
      {
        path: "spec.config.template",
        message: `there is no config template '${spec.config.template}'`,
        fix: "create it, or name another: claw configs list",
      },
    ]);
  }
  if (template && !published && spec.config.version !== undefined) {
    const message = `config template '${template.name}' has no version ${spec.config.version}`;
    return failed([{ path: "spec.config.version", message, fix: `claw configs versions ${template.name}` }]);
  }
  if (template && !published) {
    return failed([
      {
        path: "spec.config.template",
        message: `config template '${template.name}' has no published version`,
        fix: `claw configs publish ${template.name}`,
      },
    ]);
  }
  const configVersion = published?.version;
  if (published && published.spec.adapter !== adapter.name) {
    return failed(
      [
        {
          path: "spec.config.template",
          message: `config template '${template?.name}' is for ${published.spec.adapter}, not for ${adapter.name}`,
          fix: "use a template of this type",
        },
      ],
      configVersion,
    );
  }

  const config = configOf(sources, instance, { adapter, template, published });
  if (sources.unmet.length > 0 || config.issues.length > 0) {
    return failed(sources.unmet.length > 0 ? sources.unmet : config.issues, configVersion);
  }
  const { unified, environment } = takeEnvironment(config, adapter);
  const own = withEnvironment(await adapter.parseConfig(unified, config.secrets), environment);
  const parsed = withAllowed(own, policies, { adapter, version });
  const question = adapter.question?.(parsed, version);
  const known = question && deps.checks.known(question);
  const packages = question?.packages ?? [];
  const why = packages.length === 0 ? undefined : rulesAt(instance.cluster).whyUnprepared(await sources.clusterOf(instance.cluster));
  const unprepared = why ? packages.map((needed) => unpreparedIssue(needed, why)) : [];
  const issues = [...(await adapter.validate(parsed, version, known)), ...unprepared];
  if (issues.length > 0) {
    return failed(issues, configVersion);
  }
  const claw = await adapter.injectRuntime(parsed, {
    instanceId: instance.id,
    name: instance.name,
    tenant,
    project: instance.projectName,
    spec,
    instanceToken: deps.cipher.derive(`instance-token:${instance.id}`),
  });
  if (claw.software.source === "image" && !rulesAt(instance.cluster).runsImages) {
    const message = `claws of type '${adapter.type}' run from an image, which '${instance.cluster}' can't`;
    return failed([{ path: "spec.placement.cluster", message, fix: "place it on a cluster" }], configVersion);
  }
  const runtime = { ...claw, files: [...claw.files, ...environment.files] };
  const model = valueAt(config.unified, "model.name");
  const ownModel = typeof model === "string" ? [{ path: "model.name", model }] : [];
  return {
    instance,
    issues: [],
    configVersion,
    version,
    models: adapter.models?.(own) ?? ownModel,
    skills: adapter.skills?.(own) ?? switchedOn(config.unified),
    policies,
    demands: adapter.demands?.(parsed) ?? NO_DEMANDS,
    question: known?.isAsked === false ? question : undefined,
    unchecked: known?.unchecked,
    secretValues: Object.values(runtime.secretEnv),
    resolved: {
      uid: instance.id,
      name: instance.name,
      project: instance.projectName,
      type: adapter.type,
      running: spec.running,
      ...(instance.restartedAt !== undefined && { restartedAt: instance.restartedAt }),
      deletionPolicy: spec.deletionPolicy,
      storage: {
        ...(spec.storage.configDir !== undefined && { configDir: spec.storage.configDir }),
        ...(spec.storage.dataDir !== undefined && { dataDir: spec.storage.dataDir }),
        size: spec.storage.size,
      },
      resources: spec.resources,
      expose: spec.network.expose,
      runtime,
      agentToken: agentTokenOf(instance.id, instance.agentToken, (purpose) => deps.cipher.derive(purpose)),
    },
  };
}

/** Where nothing confines claws, what a tenant defines would run as the control plane does: whoever placed it, and whenever that was. */
function unfitFor(cluster: string, { origin, type }: KnownClawType, unconfined: Unconfined | undefined): ConfigIssue | undefined {
  if (origin !== "tenant" || !unconfined || !rulesAt(cluster).isBesideControlPlane) {
    return undefined;
  }
  const message = `claw type '${type}' is the tenant's own, and '${cluster}' can't confine claws: ${unconfined.why}`;
  return { path: "spec.placement.cluster", message, fix: `place it on a cluster, or ${unconfined.fix}` };
}

function openValues({ name, spec, settings }: StoredConfigValues, opening: Opening): OpenValues {
  const sealed: string[] = [];
  const level = levelOf(spec.at);
  const values = spec.values.map(({ key, value, secret, locked }) => {
    const open = openAt(key, value, opening, (at) => sealed.push(at));
    return { level, key, value: open, secret, locked, of: name, setting: settings[key], refers: isSecretRef(value) };
  });
  return { values, sealed };
}

/**
 * The secrets that sources name. Each names those of the tenant that keeps it: what is the platform's, the platform's.
 * @returns finds one, by the tenant of whatever names it
 */
async function secretsNamedBy(
  scope: TenantTransaction,
  sources: readonly { readonly tenantId: TenantId; readonly spec: unknown }[],
): Promise<(tenantId: TenantId, name: string) => StoredSecret | undefined> {
  const namesIn = (isOwn: boolean) => {
    const names = new Set<string>();
    for (const { tenantId, spec } of sources) {
      if ((tenantId === scope.tenantId) === isOwn) {
        for (const [, name] of secretRefsAt(spec)) {
          names.add(name);
        }
      }
    }
    return [...names];
  };
  const found = [...(await scope.secrets.named(namesIn(true), "tenant")), ...(await scope.secrets.named(namesIn(false), "platform"))];
  const byName = new Map(found.map((secret) => [`${secret.tenantId}/${secret.name}`, secret]));
  return (tenantId, name) => byName.get(`${tenantId}/${name}`);
}

/** What a secret is in plain. */
function meaningOf(secret: StoredSecret | undefined, cipher: SecretCipher, number: number | undefined): unknown {
  const value = secret && valueFor(secret, number);
  return isSealed(value) ? JSON.parse(cipher.decrypt(value.$sealed)) : undefined;
}

/** Template, levels and overrides of an instance, merged. */
function configOf(
  sources: Sources,
  instance: Instance,
  { adapter, template, published }: { adapter: KnownClawType; template: ConfigTemplate | undefined; published: ConfigVersion | undefined },
): ResolvedConfig {
  const sets = sources.valuesOf(instance);
  const sealed = new Set(sets.flatMap((set) => set.sealed));
  const note = (key: string) => sealed.add(key);
  return resolveConfig({
    template: template && published && openTemplate(published.spec, sources.openingOf(template.tenantId), note),
    defaults: adapter.defaults,
    secretKeys: adapter.secretKeys,
    plainKeys: adapter.plainKeys,
    values: sets.flatMap(({ values }) => values),
    overrides: instance.spec.config.overrides.map(({ key, value }) => ({
      key,
      value: openAt(key, value, sources.own, note),
      setting: instance.settings[key],
      refers: isSecretRef(value),
    })),
    sealed,
  });
}

/** How an instance comes to its claw's own config: what tells whose each key of that is. */
export interface Derivation {
  readonly adapter: KnownClawType;
  readonly config: ResolvedConfig;
  readonly parsed: ParsedConfig;
}

/** The derivations of instances that can be resolved, loaded once for all of them. */
export async function deriveInstances(
  tx: Pick<PlatformTransaction, "clusters">,
  scope: TenantTransaction,
  instances: readonly Instance[],
  { types, cipher }: Pick<ResolveDependencies, "types" | "cipher">,
): Promise<ReadonlyMap<InstanceId, Derivation>> {
  const derive = async (sources: Sources, instance: Instance): Promise<readonly [InstanceId, Derivation][]> => {
    const adapter = sources.adapters.get(instance.spec.type);
    if (!adapter) {
      return [];
    }
    const { template: name, version } = instance.spec.config;
    const known = name === undefined ? undefined : sources.templates.get(name);
    const published = known?.versions.get(version ?? known.template.publishedVersion);
    const config = configOf(sources, instance, { adapter, template: known?.template, published });
    if (config.issues.length > 0) {
      return [];
    }
    const { unified } = takeEnvironment(config, adapter);
    try {
      return [[instance.id, { adapter, config, parsed: await adapter.parseConfig(unified, config.secrets) }]];
    } catch (error) {
      if (error instanceof ClawAdapterError) {
        return [];
      }
      throw error;
    }
  };
  return new Map((await withSources(tx, scope, instances, { types, cipher }, undefined, derive)).flat());
}

/** What an instance is configured with, and from where; undefined for a type that is not known any more. @param valuesAt as above */
export async function explainInstance(
  tx: Pick<PlatformTransaction, "clusters">,
  scope: TenantTransaction,
  instance: Instance,
  { types, cipher }: Pick<ResolveDependencies, "types" | "cipher">,
  valuesAt?: string,
): Promise<{ readonly config: ResolvedConfig; readonly published: ConfigVersion | undefined } | undefined> {
  const sources = await sourcesOf(tx, scope, [instance], { types, cipher }, valuesAt);
  const adapter = sources.adapters.get(instance.spec.type);
  if (!adapter) {
    return undefined;
  }
  const { template: name, version } = instance.spec.config;
  const known = name === undefined ? undefined : sources.templates.get(name);
  const published = known?.versions.get(version ?? known.template.publishedVersion);
  return { published, config: configOf(sources, instance, { adapter, template: known?.template, published }) };
}

/** A claw is told what may be chosen while it runs. */
function withAllowed(own: ParsedConfig, policies: readonly Policy[], { adapter, version }: { adapter: KnownClawType; version: string }) {
  const [models, skills] = [allowedModels(policies), allowedSkills(policies)];
  const config = models && adapter.withAllowedModels ? adapter.withAllowedModels(own, models, version) : own;
  return skills && adapter.withAllowedSkills ? adapter.withAllowedSkills(config, skills) : config;
}

/** `skills.NAME: false` is off. */
function switchedOn({ skills }: Readonly<Record<string, unknown>>): NamedSkill[] {
  const named = isTree(skills) ? Object.entries(skills) : [];
  return named.flatMap(([skill, value]) => (value === false ? [] : [{ path: formatConfigKey([skill], "skills"), skill }]));
}

function unpreparedIssue(
  needed: NonNullable<ConfigQuestion["packages"]>[number],
  { message, fix }: { readonly message: string; readonly fix: string },
): ConfigIssue {
  return { path: needed.key, message: `needs the package ${needed.package}@${needed.version}, ${message}`, fix };
}
