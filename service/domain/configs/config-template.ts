import type { ConfigTemplateId, ConfigTemplateSpec, TenantId } from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../resource.ts";

/** A config template: a draft that is edited, and the number of its newest published version. */
export interface ConfigTemplate extends StoredResource {
  readonly id: ConfigTemplateId;
  readonly tenantId: TenantId;
  readonly spec: ConfigTemplateSpec;
  /** The version that instances have which are held to none; 0 before the first publication. Newer ones are held back. */
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
  /** The template that it extends, with the version that is in it. */
  readonly extended?: { readonly name: string; readonly version: number } | undefined;
  /** The draft that it was made of, where that extends another. */
  readonly written?: ConfigTemplateSpec | undefined;
  /** The version that it repeats. */
  readonly restores?: number | undefined;
}
