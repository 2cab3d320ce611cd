import {
  ClawError,
  type ResourceChange,
  type ResourceProgress,
  type StackEngine,
  type StackSpec,
  type StackUpdate,
} from "../../../../sdk/contract/index.ts";
import type { Deviation } from "../clusters/clusters.ts";

/** One stack of a tenant. */
export interface TenantStack {
  readonly tenantId: string;
  /** Its name: the tenant's own, or `<tenant>.<cluster>`. */
  readonly stack: string;
}

/** What one stack operation is to do. `instances` are the names that it may touch: the program is evaluated for those alone. */
export interface StackOperation {
  readonly tenantId: string;
  /** Names the stack too: by its tenant and target. */
  readonly spec: StackSpec;
  /** Instances (by name) whose resources are targeted, including ones that are absent from `spec` because they go away. Empty: what they share alone. Undefined: the whole stack. */
  readonly instances?: readonly { readonly name: string; readonly project: string }[];
  /** Reads first what there is: it was changed behind the stack's back. */
  readonly refresh?: boolean;
}
export interface StackResult {
  readonly changes: readonly ResourceChange[];
  /** Failures of single resources: the operation may have done the rest. */
  readonly failures: readonly StackFailure[];
}

/** A resource that was read, and how it differs from what the stack holds of it; without a deviation it doesn't. */
export interface ScannedResource {
  readonly urn: string;
  readonly type: string;
  readonly id: string;
  /** The instance that it belongs to; absent for what instances share. */
  readonly instance?: string;
  readonly deviation?: Deviation;
}

export interface StackScan {
  readonly resources: readonly ScannedResource[];
  /** Of resources that could not be read. */
  readonly failures: readonly StackFailure[];
}

export interface StackFailure {
  readonly urn: string;
  readonly message: string;
  /** CamelCase, when the provider named one: `VersionNotFound`, `NoSpace`. */
  readonly reason?: string;
  /** The instance whose resource failed; absent for what instances share. */
  readonly instance?: string;
}

/** How far an operation is with the resources of its instances, each by its instance's name: those of which there is news. */
export type OnProgress = (news: readonly (ResourceProgress & { readonly instance: string })[]) => void;

/** Whoever ran the operation has died or hung. What became of it is found out by the next one. */
export class OperationLostError extends ClawError {
  constructor(how: string) {
    super("engine.failed", `the operation's process ended (${how}); it is tried again`);
  }
}

/**
 * Runs Pulumi operations on tenants' stacks, each in a process of its own. One mutating operation at a time per stack (a lease);
 * previews need none. @throws {ClawError} `stack.locked`, `engine.failed` {@link OperationLostError}
 */
export interface StackOperations {
  preview(operation: StackOperation): Promise<StackResult>;
  up(operation: StackOperation, onProgress?: OnProgress): Promise<StackResult>;
  refresh(operation: StackOperation): Promise<StackResult>;
  destroy(operation: StackOperation): Promise<StackResult>;
  /** Reads what there is of the operation's instances and of what they share. Nothing is written, neither there nor in the stack. */
  scan(operation: StackOperation & Required<Pick<StackOperation, "instances">>): Promise<StackScan>;
  close(): Promise<void>;
}

/** A resource as a stack has it. */
export interface HeldResource {
  readonly type: string;
  /** What its provider calls it; components have none. */
  readonly id?: string;
}

/** What an operator may do with a tenant's stack itself. @throws {ClawError} `stack.not_found`, `stack.locked`, `engine.failed` */
export interface StackAdministration {
  /**
   * Writes the whole state to a file, as the JSON of a `StackExport`: it may be so large that nobody on its way must hold it. Secrets are
   * sealed, unless they are to be shown. @throws {stack.too_large}
   */
  exportState(stack: TenantStack, showSecrets: boolean, file: string): Promise<void>;
  /** All resources that a stack holds, once what its interrupted operations did is known. */
  listHeld(stack: TenantStack): Promise<readonly HeldResource[]>;
  /**
   * Replaces the state by a file's, and makes the stack when there is none. @throws {request.malformed}, {request.invalid} when the file holds
   * no `StackExport`; {stack.invalid} then nothing was changed
   */
  importState(stack: TenantStack, file: string): Promise<{ readonly resources: number }>;
  /** Takes instances, by name, out of the state, and ends nothing of them: nobody can ask where they are. Safe to repeat. */
  forget(stack: TenantStack, instances: readonly string[]): Promise<void>;
  /** Newest first; `page` counts from 1. */
  history(stack: TenantStack, pageSize: number, page: number): Promise<StackUpdate[]>;
  /** Moves the state to an engine, which runs the stack's operations from then on. */
  migrate(stack: TenantStack, to: StackEngine): Promise<{ readonly from: StackEngine; readonly resources: number }>;
  /** Asks the operation under way to stop, wherever it runs; one that does not in time loses the stack. */
  cancel(stack: TenantStack): Promise<{ readonly holder: string | undefined; readonly stopped: boolean }>;
  /** Takes the stack from its holder at once: for one that is gone. */
  unlock(stack: TenantStack): Promise<{ readonly holder: string | undefined }>;
}
