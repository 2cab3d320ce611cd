import type { ConfigTemplateId, ConfigTemplateSpec, TenantId } from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../resource.ts";

/** A config template: a draft that is edited, and the number of its newest published version. */
export interface ConfigTemplate extends StoredResource {
  readonly id: ConfigTemplateId;
  readonly tenantId: TenantId;
  readonly spec: ConfigTemplateSpec;
  /** 0 before the first publication. */
  readonly publishedVersion: number;
  /** Digest of the newest published spec. */
  readonly publishedDigest: string | undefined;
}

/** A published, immutable version. */
export interface ConfigVersion {
  readonly templateId: ConfigTemplateId;
  readonly version: number;
  readonly spec: ConfigTemplateSpec;
  readonly digest: string;
  readonly author: string;
  readonly message: string;
  readonly createdAt: string;
}

/** Where a value comes from, weakest first (C2). */
export const ConfigLevel = { Global: "global", Tenant: "tenant", Project: "project", Instance: "instance" } as const;
export type ConfigLevel = (typeof ConfigLevel)[keyof typeof ConfigLevel];

/** One value set at one level. Secret values are stored encrypted and only ever decrypted to be resolved. */
export interface ConfigValue {
  readonly level: ConfigLevel;
  /** Id of the tenant, project or instance; undefined at the global level. */
  readonly ownerId: string | undefined;
  readonly key: string;
  readonly value: unknown;
  readonly secret: boolean;
}
