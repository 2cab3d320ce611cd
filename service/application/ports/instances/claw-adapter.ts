import type { CapabilityName, ClawRuntime, ClawTypeSpec, InstanceSpec, Issue } from "../../../../sdk/contract/index.ts";
import type { ExitMeaning } from "../../../domain/instances/pod.ts";
import type { TenantTransaction } from "../transactions.ts";
import type { ClawSchema, ConfigQuestion } from "./claw-programs.ts";

/** A unified config: nested JSON, built from a template's base, its variables and the overrides of each level. */
export type UnifiedConfig = Readonly<Record<string, unknown>>;

/** What an adapter finds wrong with a config. */
export interface ClawIssue extends Issue {
  /** No instance could use this, whatever else its config says. */
  readonly isHopeless?: boolean;
}

/** What the claw's own program makes known of a version, and of one config. */
export interface Checked {
  readonly schema?: ClawSchema | undefined;
  /** What the program itself refuses of the config. */
  readonly said?: readonly Issue[] | undefined;
}

/** A config after parsing: adapter-defined, plain data. */
export interface ParsedConfig {
  /** The claw's own config as an object. Secret values never are in it: they are references to `secretEnv`. */
  readonly native: Readonly<Record<string, unknown>>;
  readonly secretEnv: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** What parsing itself found wrong; `validate` reports it. */
  readonly issues?: readonly ClawIssue[];
  /** Native key → the unified key that it came from, so that issues name what the user wrote. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Variable of `env` or `secretEnv` → the unified key that it came from. */
  readonly envSources?: Readonly<Record<string, string>>;
}

/** A model that a config names, and the unified key that names it. */
export interface NamedModel {
  readonly path: string;
  /** `provider/model`, or the model alone. */
  readonly model: string;
}

/** A skill that a config names or leaves on, and the unified key that does. */
export interface NamedSkill {
  readonly path: string;
  readonly skill: string;
}

/** The models, or the skills, that policies allow. */
export interface AllowedNames {
  /** `provider/model`, `provider/*`, or a model whoever provides it; a skill, or with a `*` at the end all that begin so. */
  readonly items: readonly string[];
  isAllowed(name: string): boolean;
}

/** What a config wants of the world, which others may want too, or which may not be there. */
export interface Demands {
  /** Accounts that one claw uses at a time, such as a bot's, by the key of their secret. */
  readonly accounts: readonly { readonly path: string; readonly secret: string }[];
  /** The key by which it wants containers of a Docker engine. */
  readonly docker: string | undefined;
}

export interface RuntimeInfo {
  readonly instanceId: string;
  readonly name: string;
  readonly tenant: string;
  readonly project: string;
  readonly spec: InstanceSpec;
  /** A random token that is the instance's own and stable over its life: what guards its port. */
  readonly instanceToken: string;
}

/** How claws of a type do what not all can. */
export interface Capability {
  /** In one line, for people. */
  readonly how: string;
  /** Of `hot-reload`: keys of the unified config that a running claw takes over; `*` stands for one segment. */
  readonly keys?: readonly string[];
}

/** How what stands in a claw's config file is told key by key. */
export interface ConfigKeys {
  /** The file, relative to the config directory: what the program says of its config is about it too. */
  readonly path: string;
  /** What a text of it says; undefined for one that can't be read. */
  read(content: string): Record<string, unknown> | undefined;
  /** Keys that the claw may write itself; `*` stands for one segment. */
  readonly written: readonly string[];
  /** The key of the unified config that a key of the file comes from, or would; undefined for one that the platform sets. */
  declaredBy(key: string, config: ParsedConfig): string | undefined;
}

/**
 * One claw type. Pure: no I/O.
 * Idea and the first four names: the founding design's `ClawAdapter`.
 */
export interface ClawAdapter {
  /** The type in manifests, `OpenClaw`. */
  readonly type: string;
  /** The name in templates, `OpenClawAdapter`. */
  readonly name: string;
  /** The version used when a spec names none. */
  readonly defaultVersion: string;
  readonly description: string;
  readonly origin: "built-in" | "platform" | "tenant";
  /** What it runs from on a cluster that has no image for it. */
  readonly image?: string | undefined;
  /** Variables that every instance of this type has without a template: dotted key → default, null when it has none. */
  readonly defaults: UnifiedConfig;
  /** Keys of the unified config whose values are secret whatever a template says; `*` stands for one segment. */
  readonly secretKeys: readonly string[];
  /** Keys whose values are not secret though they sound so. */
  readonly plainKeys?: readonly string[] | undefined;
  /** Keys that name paths, sockets or commands of the host: platform administrators alone set them. */
  readonly platformKeys: readonly string[];
  /** Environment variables that it sets itself, so that nobody else does; a `*` at the end stands for any rest. */
  readonly managedEnv?: readonly string[] | undefined;
  /** What its exits mean whatever it is configured with, for clusters, which show an exit alone; as `injectRuntime` has them. */
  readonly exitCodes?: Readonly<Record<string, ExitMeaning>> | undefined;
  /** What its claws can do; what is absent they can't, and whoever asks for it is told so. */
  readonly capabilities: Readonly<Partial<Record<CapabilityName, Capability>>>;
  /** Unified → the claw's own config; secret values become references. @param secrets dotted keys of single values that are secret, indexes of lists as segments */
  parseConfig(unified: UnifiedConfig, secrets: ReadonlySet<string>): ParsedConfig;
  /** The claw's config files. `path` is relative to the config directory. Stable: the same config gives the same bytes. */
  generateConfig(config: ParsedConfig): readonly { readonly path: string; readonly content: string }[];
  /** What its program is to be asked about a config; absent for a type whose program can't be asked. */
  question?(config: ParsedConfig, version: string): ConfigQuestion;
  /** By what the program says, as far as that is known, and by the checks that it makes only at start. */
  validate(config: ParsedConfig, version: string, checked?: Checked): Promise<readonly ClawIssue[]>;
  /** Every model that the config names, in whatever place; a type without has those of `model.name`. */
  models?(config: ParsedConfig): readonly NamedModel[];
  /** Every skill that the config names or leaves on; a type without has those of `skills` that are not false. */
  skills?(config: ParsedConfig): readonly NamedSkill[];
  /** The config with no other models to be chosen while the claw runs; absent for a type whose claws can't be told. */
  withAllowedModels?(config: ParsedConfig, allowed: AllowedNames, version: string): ParsedConfig;
  /** The config with no other skills on by themselves; absent for a type that has none of its own. */
  withAllowedSkills?(config: ParsedConfig, allowed: AllowedNames): ParsedConfig;
  /** Absent for a type whose files are compared as a whole. */
  readonly configKeys?: ConfigKeys | undefined;
  /** What it wants of the world outside. */
  demands?(config: ParsedConfig): Demands;
  /** How to install, start, watch and stop it. */
  injectRuntime(config: ParsedConfig, info: RuntimeInfo): ClawRuntime;
}

/** What the platform has of a claw type: an adapter, perhaps one that answers from a process of its own. */
export interface KnownClawType extends Omit<ClawAdapter, "parseConfig" | "generateConfig" | "injectRuntime"> {
  /** @throws {ClawAdapterError} */
  parseConfig(unified: UnifiedConfig, secrets: ReadonlySet<string>): ParsedConfig | Promise<ParsedConfig>;
  /** @throws {ClawAdapterError} */
  injectRuntime(config: ParsedConfig, info: RuntimeInfo): ClawRuntime | Promise<ClawRuntime>;
}

/** An adapter in code did not answer, or not with what can be used: an issue of whatever is of its type. */
export class ClawAdapterError extends Error {
  override readonly name = "ClawAdapterError";
  readonly issue: Issue;

  constructor(issue: Issue) {
    super(issue.message);
    this.issue = issue;
  }
}

/** The claw types that are known. */
export interface ClawTypes {
  /** Those of the product and of the service's settings, which all tenants have. */
  readonly builtIn: readonly KnownClawType[];
  /** By type or adapter name, ignoring case: a built-in one, the tenant's own, or the platform's. */
  find(typeOrAdapter: string, scope: StoredTypes): Promise<KnownClawType | undefined>;
  /** All that instances of the tenant may be of. */
  list(scope: StoredTypes): Promise<readonly KnownClawType[]>;
  /** What is wrong with a claw type that is to be stored: what in it can't go together, and how what it renders to can't be run. */
  issuesOf(name: string, spec: ClawTypeSpec): Promise<readonly Issue[]>;
}
export type StoredTypes = Pick<TenantTransaction, "clawTypes">;
