import { PodReason } from "../../sdk/contract/index.ts";
import type { ClusterListener } from "../../service/application/ports/clusters/clusters.ts";
import type { PodReport } from "../../service/domain/instances/pod.ts";
import type { PropertyMap } from "../engine/contract/values.ts";
import { type Change, follow } from "./changes.ts";
import type { ApiClient } from "./client/api-client.ts";
import { mapAt, textAt } from "./client/objects.ts";
import { declaredKinds } from "./declared-kinds.ts";
import { countOwned, othersOf } from "./drift.ts";
import { type Pod, toPodReport, type WithMetadata } from "./pod-report.ts";

/** On everything that belongs to an instance; the components write it. */
export const TENANT_LABEL = "clusterclaw.io/tenant";
export const UID_LABEL = "clusterclaw.io/instance-uid";
export const MANAGED = "app.kubernetes.io/managed-by=clusterclaw";

interface Event extends WithMetadata {
  readonly involvedObject: { readonly namespace?: string; readonly name?: string };
  readonly message?: string;
}

/** What is known of one instance's workload. */
interface Seen {
  pod: Pod | undefined;
  /** Why its pod could not be made. */
  notMade: string | undefined;
  /** The last failed probe. */
  unhealthy: string | undefined;
}

/**
 * Watches what belongs to instances and tenants, a watch per kind: everything that is declared, the pods that come of it, and the two
 * kinds of events that say what neither does: that a pod could not be made, and that a probe failed.
 */
export function observe(connect: () => Promise<ApiClient>, listener: ClusterListener, signal: AbortSignal): Promise<unknown> {
  const seen = new Map<string, Seen>();
  const owners = new Map<string, string>();
  const of = (uid: string): Seen => {
    const known = seen.get(uid) ?? { pod: undefined, notMade: undefined, unhealthy: undefined };
    seen.set(uid, known);
    return known;
  };
  const tell = (uid: string) => listener.pod(uid, reportOf(of(uid)));
  const onPod = (change: Change<Pod>) => {
    if (change.type === "listed") {
      const uids = new Set(change.items.map(uidOf));
      for (const item of change.items) {
        putPod(item);
      }
      for (const [uid, state] of seen) {
        if (!uids.has(uid)) {
          state.pod = undefined;
        }
      }
      listener.listed(uids);
    } else if (change.type === "put") {
      putPod(change.item);
    } else if (of(uidOf(change.item)).pod?.metadata.uid === change.item.metadata.uid) {
      of(uidOf(change.item)).pod = undefined;
      tell(uidOf(change.item));
    }
  };
  const putPod = (pod: Pod) => {
    const state = of(uidOf(pod));
    if (state.pod?.metadata.uid !== pod.metadata.uid) {
      state.unhealthy = undefined;
    }
    state.pod = pod;
    state.notMade = undefined;
    owners.set(`Pod/${pod.metadata.namespace}/${pod.metadata.name}`, uidOf(pod));
    tell(uidOf(pod));
  };
  const ownedFields = new Map<string, number>();
  /** Whoever takes a property away leaves no trace but that we own less than before. */
  const ownsLess = (key: string, object: PropertyMap) => {
    const before = ownedFields.get(key) ?? 0;
    ownedFields.set(key, countOwned(object));
    return countOwned(object) < before;
  };
  const onDeclared = (kind: string) => (change: Change<PropertyMap>) => {
    for (const object of change.type === "listed" ? change.items : [change.item]) {
      const labels = mapAt(object, "metadata", "labels");
      const [namespace, name, uid] = [
        textAt(object, "metadata", "namespace"),
        textAt(object, "metadata", "name"),
        textAt(labels, UID_LABEL),
      ];
      if (kind === "StatefulSet") {
        owners.set(`StatefulSet/${namespace}/${name}`, uid);
      }
      listener.object({
        kind,
        ...(namespace !== "" && { namespace }),
        name,
        tenant: textAt(labels, TENANT_LABEL),
        ...(uid !== "" && { uid }),
        suspicious: change.type === "deleted" || ownsLess(`${kind}/${namespace}/${name}`, object) || othersOf(object).length > 0,
      });
    }
  };
  const onEvent = (kind: string, note: (state: Seen, message: string) => void) => (change: Change<Event>) => {
    // What happened before this process began to watch is history, and may be mended.
    if (change.type !== "put") {
      return;
    }
    const { involvedObject, message = "" } = change.item;
    const uid = owners.get(`${kind}/${involvedObject.namespace}/${involvedObject.name}`);
    if (uid !== undefined) {
      note(of(uid), message);
      tell(uid);
    }
  };
  const events = (kind: string, reason: string) => ({
    path: "/api/v1/events",
    fieldSelector: `involvedObject.kind=${kind},reason=${reason}`,
  });
  return Promise.all([
    follow<Pod>(connect, { path: "/api/v1/pods", labelSelector: `${MANAGED},${UID_LABEL}` }, signal, onPod),
    ...declaredKinds.map(({ kind, root, plural }) =>
      follow<PropertyMap>(connect, { path: `${root}/${plural}`, labelSelector: MANAGED }, signal, onDeclared(kind)),
    ),
    follow<Event>(
      connect,
      events("StatefulSet", "FailedCreate"),
      signal,
      onEvent("StatefulSet", (state, message) => {
        state.notMade = message;
      }),
    ),
    follow<Event>(
      connect,
      events("Pod", "Unhealthy"),
      signal,
      onEvent("Pod", (state, message) => {
        state.unhealthy = message;
      }),
    ),
  ]);
}

function uidOf({ metadata }: WithMetadata): string {
  return metadata.labels?.[UID_LABEL] ?? "";
}

function reportOf({ pod, notMade, unhealthy }: Seen): PodReport | undefined {
  if (pod) {
    return toPodReport(pod, unhealthy);
  }
  const reason = notMade?.includes("exceeded quota") ? PodReason.QuotaExceeded : PodReason.PodNotMade;
  return notMade === undefined ? undefined : { name: "", ready: false, restarts: 0, reason, message: notMade };
}
