import type { ConfigTemplateId, ConfigValuesId, InstanceId, ListQuery, ProjectId } from "../../../../sdk/contract/index.ts";
import type { ConfigTemplate, ConfigVersion } from "../../../domain/configs/config-template.ts";
import type { StoredConfigValues } from "../../../domain/configs/config-values.ts";
import type { Page, Ref } from "../resources/page.ts";

export interface ConfigTemplateRepository {
  list(query: ListQuery): Promise<Page<ConfigTemplate>>;
  get(ref: Ref): Promise<ConfigTemplate>;
  /** The tenant's own, else the shared tenant's one of that name. */
  find(ref: Ref): Promise<ConfigTemplate | undefined>;
  insert(template: ConfigTemplate): Promise<void>;
  update(template: ConfigTemplate, expected: number): Promise<void>;
  /** @throws {config.in_use} */
  delete(id: ConfigTemplateId): Promise<void>;
  insertVersion(version: ConfigVersion): Promise<void>;
  /** Seals a version anew: what it says stays. */
  rewriteVersion(version: ConfigVersion): Promise<void>;
  /** Newest first. */
  listVersions(id: ConfigTemplateId, limit: number, cursor?: string): Promise<Page<ConfigVersion>>;
  /** The number of the newest, held ones too; 0 where there is none. */
  newestVersion(id: ConfigTemplateId): Promise<number>;
  findVersion(id: ConfigTemplateId, version: number): Promise<ConfigVersion | undefined>;
}

/** A tenant's config values, and those of all tenants, which it only reads. */
export type FormerValues = Pick<StoredConfigValues, "id" | "resourceVersion" | "spec">;

export interface ConfigValuesRepository {
  /** @param projects only those of these, and of the tenant as a whole */
  list(query: ListQuery, projects?: readonly ProjectId[]): Promise<Page<StoredConfigValues>>;
  /** The tenant's own of two that have one name. @throws {ClawError} `values.not_found` */
  get(ref: Ref): Promise<StoredConfigValues>;
  find(ref: Ref): Promise<StoredConfigValues | undefined>;
  /** All that these instances of these projects see, of every level. */
  listFor(projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly StoredConfigValues[]>;
  /** All that such instances saw at a time: those that were changed or deleted since as they were. */
  listAsOf(at: string, projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly StoredConfigValues[]>;
  /** What the tenant's were before they were changed or deleted, by id and resource version. */
  listFormer(after: FormerValues | undefined, limit: number): Promise<readonly FormerValues[]>;
  /** The same, its secrets sealed by another key. */
  rewriteFormer(former: FormerValues): Promise<void>;
  insert(values: StoredConfigValues): Promise<void>;
  /** What they were is kept, where they are another from `updatedAt` on. */
  update(values: StoredConfigValues, expected: number): Promise<void>;
  /** What they were is kept, until then. */
  remove(id: ConfigValuesId, at: string): Promise<void>;
}
