import type { ApiClient } from "../../kubernetes/client/api-client.ts";
import { ApiError } from "../../kubernetes/client/api-errors.ts";
import { follow, listed } from "../../kubernetes/client/follow.ts";
import { annotationOf, hasAnnotation, type KubeObject, listAt, nameOf, namespaceOf, textAt } from "../../kubernetes/client/objects.ts";
import { get } from "./apply.ts";
import type { Waiting } from "./await-ready.ts";
import { timeoutOf } from "./await-ready.ts";
import { isInDoubt, LOOK_MS, sendSurely } from "./in-doubt.ts";

const policies: Readonly<Record<string, string>> = { orphan: "Orphan", background: "Background" };
/** Kinds whose deletion is not waited for with `skipAwait`, as in Pulumi's provider. */
const skipping = ["Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"];

/** The object is going, or may be, and was not seen to be gone. `cause` says why. */
export class NotGoneError extends Error {}

/** Deletes an object and waits until it is gone. @throws {NotGoneError} and whatever else came before it was asked to go */
export async function deleteObject(object: KubeObject, inputs: KubeObject, waiting: Waiting): Promise<void> {
  const { client, resource, signal } = waiting;
  const [namespace, name] = [namespaceOf(object), nameOf(object)];
  const propagationPolicy = policies[annotationOf(inputs, "pulumi.com/deletionPropagationPolicy").toLowerCase()] ?? "Foreground";
  let answer: KubeObject | undefined;
  try {
    const path = resource.path(namespace, name);
    answer = await sendSurely(() => client.request({ method: "DELETE", path, body: { propagationPolicy }, signal }), signal);
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) {
      return;
    }
    if (!isInDoubt(error)) {
      throw error;
    }
    answer = await afterLostAnswer(error, waiting, namespace, name);
  }
  try {
    await untilGone(object, answer, inputs, waiting);
  } catch (error) {
    throw new NotGoneError("it is not gone", { cause: error });
  }
}

/** What would have been answered, as far as it can be seen. */
async function afterLostAnswer(
  error: unknown,
  { client, resource }: Waiting,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  const live = await get(client, resource, namespace, name, AbortSignal.timeout(LOOK_MS)).catch(() => "unknown" as const);
  if (live === "unknown" || (live && textAt(live, "metadata", "deletionTimestamp") === "")) {
    throw new NotGoneError("nobody knows whether it goes", { cause: error });
  }
  return live;
}

async function untilGone(object: KubeObject, answer: KubeObject | undefined, inputs: KubeObject, waiting: Waiting): Promise<void> {
  const { client, resource, signal } = waiting;
  const [namespace, name] = [namespaceOf(object), nameOf(object)];
  // Gone at once when the answer is a status, not the object on its way out.
  if (
    !answer ||
    answer["kind"] === "Status" ||
    (hasAnnotation(inputs, "pulumi.com/skipAwait") && skipping.includes(String(object["kind"])))
  ) {
    return;
  }
  const seconds = timeoutOf(inputs, waiting.timeoutSeconds);
  const timeout = AbortSignal.timeout(seconds * 1000);
  const until = signal ? AbortSignal.any([timeout, signal]) : timeout;
  const uid = textAt(answer, "metadata", "uid");
  for await (const event of follow(client, { path: resource.collection(namespace), fieldSelector: `metadata.name=${name}` }, until)) {
    const here = event.type === "LISTED" ? listed(event) : event.type === "DELETED" ? [] : [event.object];
    if (!here.some((each) => textAt(each, "metadata", "uid") === uid)) {
      return;
    }
  }
  signal?.throwIfAborted();
  throw new Error(`${object["kind"]} ${name} is not gone after ${seconds} seconds${await keeper(client, waiting, namespace, name)}`);
}

async function keeper(client: ApiClient, { resource }: Waiting, namespace: string, name: string): Promise<string> {
  const left = await get(client, resource, namespace, name).catch(() => undefined);
  const finalizers = listAt(left, "metadata", "finalizers");
  return finalizers.length === 0 ? "" : `: its finalizers are still there: ${finalizers.join(", ")}`;
}
