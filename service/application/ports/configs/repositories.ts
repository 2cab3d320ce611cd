import type { ConfigTemplateId, InstanceId, ListQuery, ProjectId } from "../../../../sdk/contract/index.ts";
import type { ConfigTemplate, ConfigValue, ConfigVersion } from "../../../domain/configs/config-template.ts";
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
  findVersion(id: ConfigTemplateId, version: number): Promise<ConfigVersion | undefined>;
}
export interface ConfigValueRepository {
  /** All values that instances of these projects see, every level; in the order in which a later one wins. */
  listFor(projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly ConfigValue[]>;
  put(value: ConfigValue): Promise<void>;
}
