import type { CreateRequest } from "../../engine/contract/provider.ts";
import type { ApiClient } from "../../kubernetes/client/api-client.ts";
import { follow, listed } from "../../kubernetes/client/follow.ts";
import { annotationOf, at, hasAnnotation, type KubeObject, nameOf, namespaceOf, textAt } from "../../kubernetes/client/objects.ts";
import type { ClusterKinds, Resource } from "./cluster.ts";
import { podProblems, podSelector, type Readiness, readinessRule } from "./readiness.ts";
import { waitForRule } from "./wait-for.ts";

export interface Waiting {
  readonly client: ApiClient;
  readonly kinds: ClusterKinds;
  readonly resource: Resource;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal | undefined;
  readonly log: CreateRequest["log"];
}

/** The object exists, and is not ready in time or never will be. */
export class NotReadyError extends Error {
  readonly live: KubeObject;
  readonly reasons: readonly string[];
  constructor(live: KubeObject, reasons: readonly string[]) {
    super(reasons.join("; "));
    this.name = "NotReadyError";
    this.live = live;
    this.reasons = reasons;
  }
}

const DEFAULT_TIMEOUT_SECONDS = 600;
const WARNINGS_SHOWN = 5;

export function timeoutOf(object: KubeObject, timeoutSeconds: number): number {
  return timeoutSeconds || Number(annotationOf(object, "pulumi.com/timeoutSeconds")) || DEFAULT_TIMEOUT_SECONDS;
}

/** Waits until what was applied is ready, by watches. @throws {NotReadyError} @throws when the operation is cancelled. */
export async function awaitReady(applied: KubeObject, inputs: KubeObject, waiting: Waiting): Promise<KubeObject> {
  const rule = waitForRule(inputs) ?? readinessRule(applied);
  if (!rule || hasAnnotation(inputs, "pulumi.com/skipAwait")) {
    return applied;
  }
  const related = rule.related?.(applied);
  let live = applied;
  let readiness = rule.isReady(live, []);
  if (readiness.ready) {
    return live;
  }
  const seconds = timeoutOf(inputs, waiting.timeoutSeconds);
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), seconds * 1000);
  const signal = AbortSignal.any([over.signal, ...(waiting.signal ? [waiting.signal] : [])]);
  const warnings: string[] = [];
  const others = new Map<string, KubeObject>();
  const judge = () => {
    readiness = rule.isReady(live, [...others.values()]);
    if (readiness.ready || readiness.failed) {
      over.abort();
    } else {
      waiting.log?.("status", readiness.reason);
    }
  };
  try {
    await Promise.all([
      followSelf(waiting, applied, signal, (object) => {
        live = object;
        judge();
      }),
      related && followRelated(waiting, related, signal, others, judge),
      followWarnings(waiting.client, applied, signal, (warning) => {
        warnings.push(warning);
        waiting.log?.("status", warning);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
  const last = readiness as Readiness;
  if (last.ready) {
    waiting.log?.("status", "");
    return live;
  }
  const cancelled = waiting.signal?.aborted === true;
  const main = cancelled
    ? `${last.reason} (cancelled while waiting)`
    : last.failed
      ? last.reason
      : `timed out after ${seconds} seconds: ${last.reason}`;
  throw new NotReadyError(live, [main, ...(cancelled ? [] : await podReasons(waiting.client, live)), ...warnings.slice(-WARNINGS_SHOWN)]);
}

/** Whether it is ready now, and why not: what a refresh tells. */
export async function judgeNow(live: KubeObject, { client, kinds }: Pick<Waiting, "client" | "kinds">): Promise<readonly string[]> {
  const rule = waitForRule(live) ?? readinessRule(live);
  if (!rule || hasAnnotation(live, "pulumi.com/skipAwait")) {
    return [];
  }
  const related = rule.related?.(live);
  const others = related
    ? await client.request({
        path: (await kinds.resource(related.apiVersion, related.kind)).collection(related.namespace),
        query: { labelSelector: related.labelSelector },
      })
    : {};
  const readiness = rule.isReady(live, listed({ type: "LISTED", object: others }));
  return readiness.ready ? [] : [readiness.reason, ...(await podReasons(client, live))];
}

async function followSelf(waiting: Waiting, applied: KubeObject, signal: AbortSignal, seen: (live: KubeObject) => void): Promise<void> {
  const path = waiting.resource.collection(namespaceOf(applied));
  const since = textAt(applied, "metadata", "resourceVersion");
  for await (const event of follow(waiting.client, { path, fieldSelector: `metadata.name=${nameOf(applied)}` }, signal, since)) {
    const [live] = event.type === "LISTED" ? listed(event) : [event.object];
    if (!live || event.type === "DELETED") {
      throw new Error(`${applied["kind"]} ${nameOf(applied)} was deleted while it was waited for`);
    }
    seen(live);
  }
}

async function followRelated(
  { client, kinds }: Waiting,
  related: { apiVersion: string; kind: string; namespace: string; labelSelector: string },
  signal: AbortSignal,
  others: Map<string, KubeObject>,
  changed: () => void,
): Promise<void> {
  const resource = await kinds.resource(related.apiVersion, related.kind);
  const target = { path: resource.collection(related.namespace), labelSelector: related.labelSelector };
  for await (const event of follow(client, target, signal)) {
    if (event.type === "LISTED") {
      others.clear();
      for (const object of listed(event)) {
        others.set(nameOf(object), object);
      }
    } else if (event.type === "DELETED") {
      others.delete(nameOf(event.object));
    } else {
      others.set(nameOf(event.object), event.object);
    }
    changed();
  }
}

/** Warnings about the object and about what it made, such as its pods, each once. */
async function followWarnings(client: ApiClient, object: KubeObject, signal: AbortSignal, warn: (text: string) => void): Promise<void> {
  const namespace = namespaceOf(object) || "default";
  const told = new Set<string>();
  const tell = (event: KubeObject) => {
    const about = at(event, "involvedObject");
    const isOurs = textAt(about, "uid") === textAt(object, "metadata", "uid") || textAt(about, "name").startsWith(`${nameOf(object)}-`);
    const text = `[${textAt(about, "kind")} ${textAt(about, "namespace")}/${textAt(about, "name")}]: ${textAt(event, "reason")}: ${textAt(event, "message")}`;
    if (isOurs && !told.has(text)) {
      told.add(text);
      warn(text);
    }
  };
  const target = { path: `/api/v1/namespaces/${namespace}/events`, fieldSelector: "type=Warning" };
  try {
    for await (const event of follow(client, target, signal)) {
      for (const each of event.type === "LISTED" ? listed(event) : [event.object]) {
        tell(each);
      }
    }
  } catch {
    // Whoever may not read events still gets what the object itself says.
  }
}

async function podReasons(client: ApiClient, object: KubeObject): Promise<string[]> {
  if (object["kind"] === "Pod") {
    return podProblems(object);
  }
  const labelSelector = podSelector(object);
  if (labelSelector === undefined) {
    return [];
  }
  const pods = await client.request({ path: `/api/v1/namespaces/${namespaceOf(object)}/pods`, query: { labelSelector } }).catch(() => ({}));
  return [...new Set(listed({ type: "LISTED", object: pods }).flatMap(podProblems))].slice(0, WARNINGS_SHOWN);
}
