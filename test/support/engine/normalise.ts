import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { PendingOperation, ResourceState } from "../../../adapters/engine/contract/checkpoint.ts";
import { SIGNATURE_KEY } from "../../../adapters/engine/contract/values.ts";

/** What no two runs have in common: ids of provider resources, generated names, and traces: the way to the program is gRPC's or ours. */
function anonymous(text: string): string {
  return text
    .replaceAll(/\n *at [^\n"]*/g, "")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) =>
      id === "04da6b54-80e4-46f7-96ec-b56ff0331ba9" ? "<unknown>" : "<uuid>",
    )
    .replaceAll(/-[0-9a-f]{8}(?=$|["\s])/g, "-<random>");
}

const varying = new Set(["created", "modified", "sourcePosition", "stackTrace", "timestamp", "sequence", "durationSeconds"]);

/** Sorted keys, no varying fields; outside of property values, what is empty is as good as absent. */
function plain(value: unknown, isProperty = false): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => plain(item, isProperty));
  }
  if (value === null || typeof value !== "object") {
    return typeof value === "string" ? anonymous(value) : value;
  }
  const entries = Object.entries(revealed(value))
    .filter(([key, item]) => (isProperty ? !(key === "packageVersion" && item === "") : !varying.has(key)))
    .map(([key, item]) => [anonymous(key), plain(item, isProperty || key === "inputs" || key === "outputs")] as const)
    .filter(([, item]) => isProperty || !isEmpty(item));
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The text of a secret in a checkpoint is JSON too. */
function revealed(value: object): object {
  const isSecret = SIGNATURE_KEY in value && "plaintext" in value && typeof value.plaintext === "string";
  return isSecret ? { ...value, plaintext: JSON.parse(String(value.plaintext)) } : value;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "" || value === false) {
    return true;
  }
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Events of one resource in their order. Between resources the order is the executor's business, as steps run in parallel. */
export function normaliseEvents(events: readonly EngineEvent[]): unknown {
  const byResource = new Map<string, unknown[]>();
  const diagnostics: string[] = [];
  const operation: unknown[] = [];
  const hasFailed = events.some((event) => event.summaryEvent && isFailed(event.summaryEvent));
  for (const event of events) {
    // Whether a failing program still gets to register its outputs is a race in both engines.
    if (hasFailed && event.resOutputsEvent?.metadata.type === "pulumi:pulumi:Stack") {
      continue;
    }
    const step = event.resourcePreEvent ?? event.resOutputsEvent ?? event.resOpFailedEvent;
    if (step) {
      const kind = event.resourcePreEvent ? "pre" : event.resOutputsEvent ? "outputs" : "failed";
      const { urn } = step.metadata;
      const of = byResource.get(urn) ?? [];
      of.push(plain({ kind, ...step, metadata: sortedLists(step.metadata) }));
      byResource.set(urn, of);
    } else if (event.diagnosticEvent) {
      const { severity, message, urn, ephemeral } = event.diagnosticEvent;
      if ((severity as string) === "debug" || ephemeral) {
        continue;
      }
      diagnostics.push(anonymous(`${severity} ${urn ?? ""} ${message.replaceAll(/<\{%.*?%\}>/g, "").trim()}`));
    } else if (event.summaryEvent || event.preludeEvent || event.cancelEvent) {
      operation.push(plain(event));
    }
  }
  return {
    operation,
    diagnostics: diagnostics.sort(),
    resources: Object.fromEntries([...byResource].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function isFailed(summary: object): boolean {
  return "result" in summary && summary.result !== "succeeded";
}

/** Lists of a step's metadata that are sets. */
function sortedLists(metadata: object): object {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) =>
      (key === "diffs" || key === "keys") && Array.isArray(value) ? [key, value.toSorted()] : [key, value],
    ),
  );
}

/** States by URN; their order is checked by what depends on what. */
export function normaliseCheckpoint(checkpoint: { resources: ResourceState[]; pending: PendingOperation[] }): unknown {
  const states = checkpoint.resources.map((state) => ({
    ...state,
    ...(state.dependencies && { dependencies: state.dependencies.toSorted() }),
  }));
  return {
    resources: states.map((state) => JSON.stringify(plain(state))).sort(),
    pending: checkpoint.pending.map((operation) => JSON.stringify(plain(operation))).sort(),
    isOrdered: isOrdered(checkpoint.resources),
  };
}

function isOrdered(states: readonly ResourceState[]): boolean {
  const seen = new Set<string>();
  return states.every((state) => {
    const needed = [state.parent, state.provider?.slice(0, state.provider.lastIndexOf("::")), ...(state.dependencies ?? [])];
    const isAfter = needed.every((urn) => !urn || seen.has(urn) || state.pendingReplacement);
    seen.add(state.urn);
    return isAfter;
  });
}
