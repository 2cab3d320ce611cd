import type { PropertyMap } from "./values.ts";

/**
 * A resource provider as the engine sees it: the calls of Pulumi's `pulumirpc.ResourceProvider`, as plain data.
 * In-process providers (`adapters/providers`) implement it directly; provider plugins are wrapped by the engine over gRPC.
 *
 * Property values are in Pulumi's wire form (see {@link PropertyMap}): secrets and unknowns keep their signatures.
 * A provider keeps no per-stack state: one warm provider serves all operations of a worker, per configuration.
 */
export interface ResourceProvider {
  /** The package it serves: the first part of its type tokens. */
  readonly packageName: string;
  readonly version: string;
  /** Whether the provider accepts secret values; when it does not, the engine strips them before and re-marks them after. */
  readonly acceptsSecrets: boolean;
  /** Whether create and update may be called with `preview: true`; when not, previewed outputs are the inputs. */
  readonly supportsPreview: boolean;
  /** Whether `check` follows what the stack says of names. @default false */
  readonly supportsNaming?: boolean;
  checkConfig?(req: CheckRequest): Promise<CheckResult>;
  diffConfig?(req: DiffRequest): Promise<DiffResult>;
  /** Called once before any other call, with all values known. @throws when the configuration can't be used. */
  configure(config: PropertyMap): Promise<void>;
  check(req: CheckRequest): Promise<CheckResult>;
  diff(req: DiffRequest): Promise<DiffResult>;
  /** @throws {ResourceInitError} when the resource exists but did not become ready. */
  create(req: CreateRequest): Promise<{ id: string; outputs: PropertyMap }>;
  /** An empty `id` says that the resource is gone. */
  read(req: ReadRequest): Promise<{ id: string; inputs?: PropertyMap; outputs?: PropertyMap }>;
  /**
   * The id that a creation with these inputs gives, where it is known before: so what an interrupted one made can be found.
   * Secrets in the inputs are sealed.
   */
  idOf?(type: string, inputs: PropertyMap): string | undefined;
  update(req: UpdateRequest): Promise<{ outputs: PropertyMap }>;
  delete(req: DeleteRequest): Promise<void>;
  invoke?(token: string, args: PropertyMap): Promise<{ outputs: PropertyMap; failures: CheckFailure[] }>;
  /** Asks running calls to stop soon; they fail with an error of their own. */
  cancel?(): Promise<void>;
  close?(): Promise<void>;
}

interface ResourceCall {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Aborted when the operation is cancelled. */
  readonly signal?: AbortSignal;
  /** Tells the operation's user something about this resource; `status` messages are passing ones, shown while it lasts. */
  readonly log?: (severity: "info" | "warning" | "status", message: string) => void;
}
export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}
export interface CheckResult {
  readonly inputs: PropertyMap;
  readonly failures: readonly CheckFailure[];
}
export interface CheckRequest extends ResourceCall {
  /** The inputs of the last update; empty for a new resource. */
  readonly olds: PropertyMap;
  readonly news: PropertyMap;
  /** 32 bytes that are stable for this resource in this operation: the seed of generated names. */
  readonly randomSeed: Uint8Array;
  /** How a resource without a name of its own is to be named; without it as the provider does it. */
  readonly naming?: Naming;
}
/** `propose` lets the provider fit the name to its rules, `enforce` does not, `disable` wants the program to give one. */
export interface Naming {
  readonly mode: "propose" | "enforce" | "disable";
  readonly proposedName: string;
}
export type DiffKind = "add" | "add-replace" | "delete" | "delete-replace" | "update" | "update-replace";
export interface DiffRequest extends ResourceCall {
  readonly id: string;
  readonly oldInputs: PropertyMap;
  readonly oldOutputs: PropertyMap;
  readonly news: PropertyMap;
  readonly ignoreChanges: readonly string[];
}
export interface DiffResult {
  /** `unknown` lets the engine compare old and new inputs structurally. */
  readonly changes: "none" | "some" | "unknown";
  /** Property paths that force a replacement. */
  readonly replaces?: readonly string[];
  readonly stables?: readonly string[];
  readonly deleteBeforeReplace?: boolean;
  readonly diffs?: readonly string[];
  /** Property path → what happens to it. `inputDiff` false means the path is one of the outputs. */
  readonly detailedDiff?: Readonly<Record<string, { kind: DiffKind; inputDiff: boolean }>>;
}
export interface CreateRequest extends ResourceCall {
  readonly inputs: PropertyMap;
  readonly preview: boolean;
  /** 0 means the provider's default. */
  readonly timeoutSeconds: number;
}
export interface ReadRequest extends ResourceCall {
  readonly id: string;
  readonly inputs: PropertyMap;
  readonly outputs: PropertyMap;
}
export interface UpdateRequest extends ResourceCall {
  readonly id: string;
  readonly oldInputs: PropertyMap;
  readonly oldOutputs: PropertyMap;
  readonly news: PropertyMap;
  readonly ignoreChanges: readonly string[];
  readonly preview: boolean;
  readonly timeoutSeconds: number;
}
export interface DeleteRequest extends ResourceCall {
  readonly id: string;
  readonly inputs: PropertyMap;
  readonly outputs: PropertyMap;
  readonly timeoutSeconds: number;
}

/** A resource that exists but did not become ready: the engine keeps it with its `reasons` and fails the operation (Pulumi's `ErrorResourceInitFailed`). */
export class ResourceInitError extends Error {
  readonly id: string;
  readonly outputs: PropertyMap;
  readonly reasons: readonly string[];
  readonly inputs: PropertyMap | undefined;
  constructor(id: string, outputs: PropertyMap, reasons: readonly string[], inputs?: PropertyMap) {
    super(reasons.join("; "));
    this.name = "ResourceInitError";
    this.id = id;
    this.outputs = outputs;
    this.reasons = reasons;
    this.inputs = inputs;
  }
}
