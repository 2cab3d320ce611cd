import type { ResourceState } from "../contract/checkpoint.ts";
import type { PropertyMap, PropertyValue } from "../contract/values.ts";
import type { DetailedDiff } from "./diff.ts";

export type StepOp =
  | "same"
  | "create"
  | "update"
  | "delete"
  | "replace"
  | "create-replacement"
  | "delete-replaced"
  | "read"
  | "read-replacement"
  | "refresh"
  | "discard"
  | "discard-replaced"
  | "remove-pending-replace"
  | "import"
  | "import-replacement";

/** One thing to do with one resource. */
export interface Step {
  readonly op: StepOp;
  readonly urn: string;
  old: ResourceState | undefined;
  /** Filled by the step: id, outputs, times. A refresh puts the state it read here, or nothing when the resource is gone. */
  new: ResourceState | undefined;
  readonly keys?: readonly string[];
  diffs?: readonly string[];
  detailedDiff?: DetailedDiff | undefined;
  readonly ignoreChanges?: readonly string[];
  /** The old half of a replacement stays, to be deleted at the end. */
  readonly pendingDelete?: boolean;
  /** The old half of a replacement is deleted now and stays on record until its successor exists. */
  readonly pendingReplacement?: boolean;
  /** Nothing is done and nothing recorded: the resource is not targeted and does not exist. */
  readonly skippedCreate?: boolean;
  /** Carried over as it was, because it is not targeted. */
  readonly untargeted?: boolean;
  /** What a refresh found. */
  resultOp?: StepOp;
  /** In the event stream, but not counted. */
  readonly internal?: boolean;
  /** Of an import: the state that it replaces. Its `old` is what was read, so that a display can show what changes. */
  readonly original?: ResourceState | undefined;
  /** Of an import by command: the state that was there, if any, is an error. */
  readonly planned?: boolean;
}

/** What the program wants one resource to be. */
export interface Goal {
  readonly type: string;
  readonly name: string;
  readonly custom: boolean;
  readonly inputs: PropertyMap;
  readonly parent: string | undefined;
  readonly provider: string | undefined;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  readonly protect: boolean | undefined;
  readonly retainOnDelete: boolean | undefined;
  readonly deleteBeforeReplace: boolean | undefined;
  readonly deletedWith: string | undefined;
  readonly replaceWith: readonly string[];
  readonly replacementTrigger: PropertyValue | undefined;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly hideDiffs: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  readonly aliases: readonly Alias[];
  readonly importId: string | undefined;
  readonly customTimeouts: ResourceState["customTimeouts"];
  readonly resourceHooks: ResourceState["resourceHooks"];
}

export type Alias =
  | { readonly urn: string }
  | {
      readonly name?: string;
      readonly type?: string;
      readonly stack?: string;
      readonly project?: string;
      readonly parent?: string;
      readonly noParent?: boolean;
    };

export interface ReadGoal {
  readonly type: string;
  readonly name: string;
  readonly id: string;
  readonly inputs: PropertyMap;
  readonly parent: string | undefined;
  readonly provider: string;
  readonly dependencies: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
}

export interface RegisterResult {
  readonly state: ResourceState;
  readonly result: "success" | "fail" | "skip";
  /** The program must treat every output as unknown. */
  readonly unknown: boolean;
}

export function isLogical(step: Step): boolean {
  switch (step.op) {
    case "create-replacement":
    case "delete-replaced":
    case "discard-replaced":
    case "read-replacement":
    case "import-replacement":
    case "refresh":
    case "remove-pending-replace":
      return false;
    default:
      return true;
  }
}

/** The state that the step is about: what will be, or what was when nothing will be. */
export function subjectOf(step: Step): ResourceState {
  const state = step.op === "refresh" ? (step.old ?? step.new) : (step.new ?? step.old);
  if (!state) {
    throw new Error(`step ${step.op} of ${step.urn} has no state`);
  }
  return state;
}

/** Leaves out what Pulumi's checkpoint leaves out: absent rather than empty. */
export function stateOfGoal(urn: string, goal: Goal, old: ResourceState | undefined): ResourceState {
  const state: ResourceState = { urn, custom: goal.custom, type: goal.type, inputs: goal.inputs };
  if (goal.parent) {
    state.parent = goal.parent;
  }
  if (goal.protect) {
    state.protect = true;
  }
  if (goal.dependencies.length > 0) {
    state.dependencies = [...goal.dependencies];
  }
  if (goal.provider) {
    state.provider = goal.provider;
  }
  if (Object.keys(goal.propertyDependencies).length > 0) {
    state.propertyDependencies = goal.propertyDependencies as Record<string, string[]>;
  }
  if (goal.additionalSecretOutputs.length > 0) {
    state.additionalSecretOutputs = [...goal.additionalSecretOutputs];
  }
  if (goal.customTimeouts) {
    state.customTimeouts = goal.customTimeouts;
  }
  if (goal.importId) {
    state.importID = goal.importId;
  }
  if (goal.retainOnDelete) {
    state.retainOnDelete = true;
  }
  if (goal.deletedWith) {
    state.deletedWith = goal.deletedWith;
  }
  if (goal.replaceWith.length > 0) {
    state.replaceWith = [...goal.replaceWith];
  }
  if (goal.replacementTrigger != null) {
    state.replacementTrigger = goal.replacementTrigger;
  }
  if (goal.ignoreChanges.length > 0) {
    state.ignoreChanges = [...goal.ignoreChanges];
  }
  if (goal.replaceOnChanges.length > 0) {
    state.replaceOnChanges = [...goal.replaceOnChanges];
  }
  if (goal.hideDiffs.length > 0) {
    state.hideDiff = [...goal.hideDiffs];
  }
  if (goal.resourceHooks) {
    state.resourceHooks = goal.resourceHooks;
  }
  if (old?.refreshBeforeUpdate) {
    state.refreshBeforeUpdate = true;
  }
  if (old?.created) {
    state.created = old.created;
  }
  if (old?.modified) {
    state.modified = old.modified;
  }
  return state;
}

/** A resource that is left alone. The step gives the new state the ID again. */
export function untargetedSame(old: ResourceState): Step {
  const { id: _given, ...now } = old;
  return { op: "same", urn: old.urn, old, new: now, untargeted: true };
}
