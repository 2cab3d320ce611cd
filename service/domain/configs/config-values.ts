import type { ConfigValuesId, ConfigValuesSpec, InstanceId, ProjectId, TenantId } from "../../../sdk/contract/index.ts";
import { digestOf } from "../digest.ts";
import type { StoredResource } from "../resource.ts";

/** Where a value comes from, weakest first (C2). */
export const ConfigLevel = { Global: "global", Tenant: "tenant", Project: "project", Instance: "instance" } as const;
export type ConfigLevel = (typeof ConfigLevel)[keyof typeof ConfigLevel];

/** Who gave a value, and when. */
export interface Setting {
  readonly by: string;
  readonly at: string;
}
/** By the key of each value. */
export type Settings = Readonly<Record<string, Setting>>;

/** Values of one level, which many instances share. Secret ones are sealed, and opened only to be resolved. */
export interface StoredConfigValues extends StoredResource {
  readonly id: ConfigValuesId;
  readonly tenantId: TenantId;
  readonly spec: ConfigValuesSpec;
  /** Where they hold: they go with it. Of one instance, also its project. */
  readonly projectId: ProjectId | undefined;
  readonly instanceId: InstanceId | undefined;
  readonly settings: Settings;
}

/** One value of one level, as it is resolved. */
export interface ConfigValue {
  readonly level: ConfigLevel;
  readonly key: string;
  readonly value: unknown;
  readonly secret: boolean;
  /** Stronger levels change nothing of it. */
  readonly locked: boolean;
  /** The name of what it is of; undefined for an instance's overrides. */
  readonly of: string | undefined;
  readonly setting: Setting | undefined;
  /** It named a secret: what that is stands in its place. */
  readonly refers?: boolean;
}

export function levelOf(at: ConfigValuesSpec["at"]): ConfigLevel {
  return typeof at === "string" ? at : "project" in at ? ConfigLevel.Project : ConfigLevel.Instance;
}

interface Given {
  readonly key: string;
  readonly value: unknown;
}

/** Who gave each value, when some are given anew: what is as it was keeps its author. */
export function settingsOf(values: readonly Given[], setting: Setting, before: { values: readonly Given[]; settings: Settings }): Settings {
  const former = new Map(before.values.map((value) => [value.key, digestOf(value)]));
  return Object.fromEntries(
    values.flatMap((value) => {
      // Of what nobody wrote down, nobody is said to have given it.
      const given = former.get(value.key) === digestOf(value) ? before.settings[value.key] : setting;
      return given ? [[value.key, given]] : [];
    }),
  );
}
