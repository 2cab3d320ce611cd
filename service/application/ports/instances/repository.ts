import type { InstanceId, ProjectId } from "../../../../sdk/contract/index.ts";
import type { ConfiguredMark, Instance, InstanceState } from "../../../domain/instances/instance.ts";
import type { Page, PageQuery, Ref, Selection } from "../resources/page.ts";

/** What instances that are not being deleted add up to. CPU in cores, memory and storage in bytes; replicas counted. */
export interface ResourceUsage {
  readonly instances: number;
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
}

/**
 * What instances have in common: the name of their template, their type, a cluster that they are on or have not left yet, a project; a secret that
 * their configuration names, where the platform's own names it when it is `shared`; or the one that is meant.
 */
export type InstanceUse =
  | { readonly template: string }
  | { readonly type: string }
  | { readonly cluster: string }
  | { readonly project: ProjectId }
  | { readonly secret: string; readonly shared: boolean }
  | { readonly instance: InstanceId };

export interface InstanceRepository {
  /** Label selector, field selector, sort and cursor as in `ListQuerySchema`. @throws {request.invalid} for a selector or sort that can't be. */
  /** @param projects only those of these */
  list(query: Selection, projects?: readonly ProjectId[]): Promise<Page<Instance>>;
  get(ref: Ref): Promise<Instance>;
  find(ref: Ref): Promise<Instance | undefined>;
  /** Those of the names that there are, in no order. */
  findAll(names: readonly string[]): Promise<readonly Instance[]>;
  insert(instance: Instance): Promise<void>;
  /** Writes everything but status. */
  update(instance: Instance, expected: number): Promise<void>;
  /** Asks for the instances to be reconciled, as a write of their own would: something that they rest on has changed, which is no write of theirs. */
  requestReconcile(ids: readonly InstanceId[]): Promise<void>;
  /** Another token for the agents, which the next operation hands them, but for those that have not taken their last one. @returns whose */
  renewAgentTokens(ids: readonly InstanceId[]): Promise<readonly InstanceId[]>;
  /** Says that its agent has come with a token: those before it are no good from then on. */
  takeAgentToken(id: InstanceId, number: number): Promise<void>;
  /** Writes status only; false when the row is gone. */
  updateStatus(id: InstanceId, change: (state: Instance) => InstanceState): Promise<boolean>;
  /** Writes statuses only, and answers the instances as they were: those whose row is gone are left out. */
  updateStatuses(ids: readonly InstanceId[], change: (instance: Instance) => InstanceState): Promise<readonly Instance[]>;
  /** Removes the row, for its resources are gone; false when the instance has another generation by now. */
  delete(id: InstanceId, generation: number): Promise<boolean>;
  usage(projectId?: ProjectId): Promise<ResourceUsage>;
  /** How many instances each project has that has any, those that are being deleted too. */
  countByProject(): Promise<ReadonlyMap<ProjectId, number>>;
  /** By name. */
  listUsing(use: InstanceUse, page: PageQuery): Promise<Page<Instance>>;
  /** The same, without all that makes instances large; `any`: all of the tenant's. */
  listMarks(use: InstanceUse | "any", page: PageQuery): Promise<Page<ConfiguredMark>>;
  /** The versions that a template's instances ask for, undefined for none, each with one of them; as many as a template is judged by. */
  versionsUsing(template: string): Promise<readonly { readonly version: string | undefined; readonly instance: string }[]>;
  /** Instances of one cluster whose generation is ahead of what was observed and whose next attempt is due, oldest first. Those that move count as of the cluster they leave. */
  listDue(cluster: string, limit: number): Promise<readonly Instance[]>;
  /** Says that a moving instance has left its former cluster. */
  markMoved(id: InstanceId): Promise<void>;
}
