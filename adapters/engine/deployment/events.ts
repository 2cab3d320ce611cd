import type { ResourceState } from "../contract/checkpoint.ts";
import { isProviderType, parseUrn } from "../contract/urn.ts";
import { mapProperties, type PropertyMap } from "../contract/values.ts";
import type { EngineEvent, OperationRequest } from "../operation.ts";
import { maskProperties } from "./properties.ts";
import type { Step, StepOp } from "./steps.ts";
import { isLogical, subjectOf } from "./steps.ts";

export type Severity = "debug" | "info" | "warning" | "error";

const diagnosticKinds: Readonly<Record<Severity, string>> = {
  debug: "<{%reset%}>debug: <{%reset%}>",
  info: "",
  warning: "<{%fg 3%}>warning: <{%reset%}>",
  error: "<{%fg 1%}>error: <{%reset%}>",
};

/** Shorter secrets of the configuration are not searched for in messages: they would match anything. */
const SECRET_LENGTH_MIN = 3;

/** Turns steps and messages into Pulumi's engine events and counts what was done. */
export class Events {
  readonly changes: Record<string, number> = {};
  readonly errors: string[] = [];
  readonly #emit: (event: EngineEvent) => void;
  readonly #planning: boolean;
  readonly #refreshOnly: boolean;
  readonly #secrets: readonly string[];
  #stepCount = 0;

  constructor(request: Pick<OperationRequest, "emit" | "dryRun" | "kind" | "config">) {
    this.#emit = request.emit;
    this.#planning = request.dryRun;
    this.#refreshOnly = request.kind === "refresh";
    this.#secrets = [...request.config.values()]
      .filter(({ value, secret }) => secret && value.length >= SECRET_LENGTH_MIN)
      .map(({ value }) => value);
    const shown: Record<string, string> = {};
    for (const [key, { value, secret }] of request.config) {
      shown[key] = secret ? "[secret]" : value;
    }
    this.#emit({ preludeEvent: { config: shown } });
  }

  stepStarts(step: Step): void {
    this.#emit({ resourcePreEvent: { metadata: this.#metadata(step, step.op), ...this.#planningField() } });
  }

  stepSucceeded(step: Step): void {
    const op = this.#shownOp(step);
    const counted = step.op === "refresh" ? this.#refreshOnly : step.op === "read" ? readChanged(step) : isLogical(step);
    if (counted && !isInternal(step)) {
      this.#stepCount++;
      this.changes[op] = (this.changes[op] ?? 0) + 1;
    }
    // A component's outputs come with its registerOutputs; in a preview every step shows what it would give.
    if (this.#planning || subjectOf(step).custom || step.op === "refresh" || step.op === "delete") {
      this.#outputs(step, op);
    }
  }
  outputsRegistered(step: Step): void {
    this.#outputs(step, step.op);
  }
  #outputs(step: Step, op: StepOp): void {
    this.#emit({ resOutputsEvent: { metadata: this.#metadata(step, op), ...this.#planningField() } });
  }

  /** `status` is Pulumi's: 0 as it was, 1 partly done, 2 unknown. */
  stepFailed(step: Step, status: 0 | 1 | 2, message: string): void {
    const urn = isInternal(step) ? undefined : step.urn;
    this.diagnostic("error", this.#planning ? `Preview failed: ${message}` : message, urn);
    if (!this.#planning) {
      this.#emit({ resOpFailedEvent: { metadata: this.#metadata(step, step.op), status, steps: this.#stepCount } });
    }
  }

  diagnostic(severity: Severity, text: string, urn?: string, details: { streamID?: number; ephemeral?: boolean } = {}): void {
    const message = this.#hide(text);
    if (severity === "error") {
      this.errors.push(message);
    }
    this.#emit({
      diagnosticEvent: {
        ...(urn && { urn }),
        ...(diagnosticKinds[severity] && { prefix: diagnosticKinds[severity] }),
        message: `<{%reset%}>${message}<{%reset%}>\n`,
        color: "raw",
        severity,
        ...(details.streamID && { streamID: details.streamID }),
        ...(details.ephemeral && { ephemeral: true }),
      },
    });
  }

  /** The stack's secrets, wherever a program has let them get. */
  #hide(text: string): string {
    return this.#secrets.reduce((masked, secret) => masked.replaceAll(secret, "[secret]"), text);
  }
  #metadata(step: Step, op: StepOp): Record<string, unknown> {
    const shown = (map: PropertyMap | undefined): PropertyMap => {
      const masked = maskProperties(map);
      return this.#secrets.length === 0
        ? masked
        : mapProperties(masked, (value) => (typeof value === "string" ? this.#hide(value) : value));
    };
    return metadataOf(step, op, shown);
  }

  summary(result: string, startedAt: number, maybeCorrupt: boolean): void {
    this.#emit({
      summaryEvent: {
        maybeCorrupt,
        durationSeconds: Math.ceil((performance.now() - startedAt) / 1000),
        resourceChanges: this.changes,
        PolicyPacks: {},
        isPreview: this.#planning,
        result,
      },
    });
    this.#emit({ cancelEvent: {} });
  }

  #planningField(): { planning?: true } {
    return this.#planning ? { planning: true } : {};
  }
  #shownOp(step: Step): StepOp {
    return step.op === "refresh" && this.#refreshOnly ? (step.resultOp ?? "same") : step.op;
  }
}

/** Steps of default providers are in the stream, but neither counted nor named in errors. */
function isInternal(step: Step): boolean {
  if (step.internal || step.op === "remove-pending-replace") {
    return true;
  }
  const { type, name } = parseUrn(step.urn);
  return isProviderType(type) && name.startsWith("default");
}

function readChanged(step: Step): boolean {
  return (
    step.old?.outputs !== undefined &&
    step.new?.outputs !== undefined &&
    JSON.stringify(step.old.outputs) !== JSON.stringify(step.new.outputs)
  );
}

type Shown = (map: PropertyMap | undefined) => PropertyMap;
function metadataOf(step: Step, op: StepOp, shown: Shown): Record<string, unknown> {
  const subject = subjectOf(step);
  return {
    op,
    urn: step.urn,
    type: subject.type,
    old: shownState(step.old, shown),
    new: shownState(step.new, shown),
    ...(step.keys && step.keys.length > 0 && { keys: step.keys }),
    ...(step.diffs && step.diffs.length > 0 && { diffs: step.diffs }),
    detailedDiff: step.detailedDiff
      ? Object.fromEntries(Object.entries(step.detailedDiff).map(([path, { kind, inputDiff }]) => [path, { diffKind: kind, inputDiff }]))
      : null,
    ...(isLogical(step) && { logical: true }),
    provider: subject.provider ?? "",
  };
}

/** Its properties are made ready when somebody reads them: most events are counted only. Whoever does reads them at once. */
function shownState(state: ResourceState | undefined, shown: Shown): Record<string, unknown> | null {
  if (!state) {
    return null;
  }
  return {
    type: state.type,
    urn: state.urn,
    ...(state.custom && { custom: true }),
    ...(state.delete && { delete: true }),
    id: state.id ?? "",
    parent: state.parent ?? "",
    ...(state.protect && { protect: true }),
    ...(state.taint && { taint: true }),
    ...(state.external && { external: true }),
    ...(state.retainOnDelete && { retainOnDelete: true }),
    get inputs() {
      return shown(state.inputs);
    },
    get outputs() {
      return shown(state.outputs);
    },
    provider: state.provider ?? "",
    ...(state.initErrors && state.initErrors.length > 0 && { initErrors: state.initErrors }),
    ...(state.hideDiff && state.hideDiff.length > 0 && { hideDiffs: state.hideDiff }),
  };
}
