import type { PropertyMap, PropertyValue } from "./values.ts";

/** One resource of a checkpoint: Pulumi's `ResourceV3`, optional fields absent rather than null. In a store its secrets are ciphertext. */
export interface ResourceState {
  urn: string;
  type: string;
  custom: boolean;
  id?: string;
  delete?: boolean;
  pendingReplacement?: boolean;
  external?: boolean;
  inputs?: PropertyMap;
  outputs?: PropertyMap;
  parent?: string;
  /** `URN::ID` of the provider resource. */
  provider?: string;
  dependencies?: string[];
  propertyDependencies?: Record<string, string[]>;
  protect?: boolean;
  taint?: boolean;
  retainOnDelete?: boolean;
  deletedWith?: string;
  replaceWith?: string[];
  initErrors?: string[];
  additionalSecretOutputs?: string[];
  ignoreChanges?: string[];
  replaceOnChanges?: string[];
  hideDiff?: string[];
  aliases?: string[];
  /** Seconds. */
  customTimeouts?: { create?: number; update?: number; delete?: number; read?: number };
  importID?: string;
  /** RFC 3339. */
  created?: string;
  modified?: string;
  sourcePosition?: string;
  replacementTrigger?: PropertyValue;
  refreshBeforeUpdate?: boolean;
  /** Names of functions of the program, by the occasion on which they are called. */
  resourceHooks?: Partial<Record<HookType, string[]>>;
}

export type HookType = "BeforeCreate" | "AfterCreate" | "BeforeUpdate" | "AfterUpdate" | "BeforeDelete" | "AfterDelete" | "OnError";

export type PendingOperationType = "creating" | "updating" | "deleting" | "reading" | "importing";
export interface PendingOperation {
  resource: ResourceState;
  type: PendingOperationType;
}

export interface SecretsProvider {
  /** `passphrase` is Pulumi's own form; `envelope` is ours (a data key wrapped by the service's key provider). */
  type: string;
  state?: Record<string, unknown>;
}

/** Pulumi's deployment v3: what `stack export` prints under `deployment`. */
export interface Deployment {
  manifest: { time: string; magic: string; version: string };
  secrets_providers?: SecretsProvider;
  resources?: ResourceState[];
  pending_operations?: PendingOperation[];
  metadata?: Record<string, unknown>;
}
