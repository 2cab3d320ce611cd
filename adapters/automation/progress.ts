import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { ResourceChange, ResourceProgress } from "../../sdk/contract/index.ts";
import type { OnProgress } from "../../service/application/ports/stacks/stack-operations.ts";
import { parseUrn } from "../engine/contract/urn.ts";

/** What happens at once is told at once: each message is a write to the database. That an operation has begun is told sooner. */
const GATHER_MS = 300;
const FIRST_MS = 50;
/** Resources in one message. */
const MESSAGE_MAX = 1000;

/** What steps are to those who read of them. */
export const OPS: Readonly<Record<string, ResourceChange["op"]>> = {
  same: "same",
  create: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
  read: "read",
  import: "import",
};

type Progress = Parameters<OnProgress>[0][number];

interface Step {
  readonly urn: string;
  readonly op: ResourceChange["op"];
  readonly state: Extract<ResourceProgress["state"], "running" | "done" | "failed">;
}

/**
 * Tells how far an operation is with its instances' resources, from the engine's events. Until the first of them nothing is told: an operation
 * that finds its stack locked has not begun.
 * @param owners URN → the instance's name; events of other resources are nobody's news
 * @param declared the URNs that the operation will come to
 */
export function createProgress(
  owners: ReadonlyMap<string, string>,
  declared: readonly string[],
  tell: OnProgress,
  clock: () => Date = () => new Date(),
) {
  const known = new Map<string, Progress>();
  const news = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const note = (urn: string, progress: Progress) => {
    known.set(urn, progress);
    news.add(urn);
  };
  /** Tells what there is to tell. */
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const told = [...news].flatMap((urn) => known.get(urn) ?? []);
    news.clear();
    for (let from = 0; from < told.length; from += MESSAGE_MAX) {
      tell(told.slice(from, from + MESSAGE_MAX));
    }
  };
  return {
    onEvent(event: EngineEvent): void {
      const step = stepOf(event);
      const instance = step && owners.get(step.urn);
      if (!step || instance === undefined) {
        return;
      }
      timer ??= setTimeout(flush, known.size === 0 ? FIRST_MS : GATHER_MS);
      if (known.size === 0) {
        for (const urn of declared) {
          note(urn, untouched(urn, owners.get(urn) ?? ""));
        }
      }
      note(step.urn, afterStep(known.get(step.urn) ?? untouched(step.urn, instance), step, clock().toISOString()));
    },
    flush,
  };
}

function untouched(urn: string, instance: string): Progress {
  const { type, name, qualifiedType } = parseUrn(urn);
  return { instance, type, name, level: qualifiedType.split("$").length - 1, state: "pending" };
}

function afterStep(before: Progress, { op, state }: Step, now: string): Progress {
  const { endedAt: _former, ...rest } = before;
  const isOngoing = before.state === "running" || state !== "running";
  const startedAt = (isOngoing ? before.startedAt : undefined) ?? now;
  return { ...rest, op, state, startedAt, ...(state !== "running" && { endedAt: now }) };
}

/** What an event says of a resource. One that stays as it is has nothing to wait for. */
function stepOf({ resourcePreEvent, resOutputsEvent, resOpFailedEvent }: EngineEvent): Step | undefined {
  const metadata = (resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent)?.metadata;
  const op = metadata && (metadata.op === "refresh" ? "read" : OPS[metadata.op]);
  if (!metadata || !op) {
    return undefined;
  }
  const isDone = resOutputsEvent !== undefined || op === "same";
  return { urn: metadata.urn, op, state: resOpFailedEvent ? "failed" : isDone ? "done" : "running" };
}
