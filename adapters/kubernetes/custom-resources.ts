import { type CustomKind, resourceKinds } from "../../sdk/contract/index.ts";
import type { CustomResource, CustomResources } from "../../service/application/ports/clusters/custom-resources.ts";
import type { PropertyMap } from "../engine/contract/values.ts";
import { follow } from "./changes.ts";
import type { ApiClient } from "./client/api-client.ts";
import { orGone } from "./client/api-errors.ts";
import { listAt, MANAGER, mapAt, numberAt, textAt } from "./client/objects.ts";

const ROOT = "/apis/clusterclaw.io/v1";
const FINALIZER = "clusterclaw.io/control-plane";
/** What their paths are called by. */
const PLURALS: ReadonlyMap<CustomKind, string> = new Map(
  resourceKinds.flatMap((facts) => ("customResource" in facts ? [[facts.kind, facts.customResource.plural] as const] : [])),
);

/** What of ours was written to a cluster. */
export function openCustomResources(connect: () => Promise<ApiClient>): CustomResources {
  const patch = async (resource: CustomResource, body: PropertyMap, subresource = "") => {
    const client = await connect();
    // The version makes it a refusal when somebody else was faster.
    const metadata = { ...mapAt(body, "metadata"), resourceVersion: resource.resourceVersion };
    const contentType = "application/merge-patch+json";
    await client.request({
      method: "PATCH",
      path: pathOf(resource) + subresource,
      query: MANAGER,
      contentType,
      body: { ...body, metadata },
    });
  };
  const hold: CustomResources["hold"] = (resource, held) => {
    const others = resource.finalizers.filter((finalizer) => finalizer !== FINALIZER);
    return patch(resource, { metadata: { finalizers: held ? [...others, FINALIZER] : others } });
  };
  return {
    follow(listener) {
      const controller = new AbortController();
      for (const kind of PLURALS.keys()) {
        void followKind(connect, kind, listener, controller.signal);
      }
      return { stop: () => controller.abort() };
    },
    hold,
    async release(cluster) {
      // The same cluster may be registered again: its new registration carries them then.
      const isOfThat = ({ held, status }: CustomResource) =>
        held && (textAt(status as PropertyMap, "carried", "cluster") || cluster) === cluster;
      const client = await connect();
      // A kind that its role does not let us look at keeps none of another.
      const kinds = await Promise.allSettled(
        [...PLURALS].map(async ([kind, plural]) => {
          const { items = [] } = (await orGone(client.request({ path: `${ROOT}/${plural}` }))) ?? {};
          for (const resource of (items as PropertyMap[]).map((object) => toResource(kind, object)).filter(isOfThat)) {
            await hold(resource, false);
          }
        }),
      );
      const failed = kinds.find((kind) => kind.status === "rejected");
      if (failed) {
        throw failed.reason;
      }
    },
    writeStatus: (resource, status) => patch(resource, { status: status as PropertyMap }, "/status"),
    async replace(resource, { labels, annotations, spec }) {
      const client = await connect();
      const current = await client.request({ path: pathOf(resource) });
      const metadata = { ...mapAt(current, "metadata"), labels, annotations, resourceVersion: resource.resourceVersion };
      const body = { ...current, metadata, spec: spec as PropertyMap };
      return toResource(resource.kind, await client.request({ method: "PUT", path: pathOf(resource), query: MANAGER, body }));
    },
    async isCurrent(resource) {
      const client = await connect();
      const current = await client.request({ path: pathOf(resource) });
      return textAt(current, "metadata", "resourceVersion") === resource.resourceVersion;
    },
    async delete(resource) {
      const client = await connect();
      await client.request({ method: "DELETE", path: pathOf(resource), body: { preconditions: { uid: resource.uid } } });
    },
    async ensureNamespace(name) {
      const client = await connect();
      const body = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
      // It claims no field: one that is there stays as it is.
      await client.request({
        method: "PATCH",
        path: `/api/v1/namespaces/${name}`,
        query: MANAGER,
        contentType: "application/apply-patch+yaml",
        body,
      });
    },
  };
}

async function followKind(
  connect: () => Promise<ApiClient>,
  kind: CustomKind,
  listener: (key: string, resource: CustomResource | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const known = new Set<string>();
  await follow<PropertyMap>(connect, { path: `${ROOT}/${PLURALS.get(kind)}` }, signal, (change) => {
    const put = (object: PropertyMap) => {
      const resource = toResource(kind, object);
      known.add(keyOf(resource));
      listener(keyOf(resource), resource);
    };
    const forget = (key: string) => {
      known.delete(key);
      listener(key, undefined);
    };
    if (change.type === "listed") {
      const listed = new Set(change.items.map((object) => keyOf(toResource(kind, object))));
      change.items.forEach(put);
      [...known].filter((key) => !listed.has(key)).forEach(forget);
    } else if (change.type === "put") {
      put(change.item);
    } else {
      forget(keyOf(toResource(kind, change.item)));
    }
  });
}

function keyOf({ kind, namespace = "", name }: CustomResource): string {
  return `${kind}/${namespace}/${name}`;
}

function pathOf({ kind, namespace, name }: CustomResource): string {
  return `${ROOT}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${PLURALS.get(kind)}/${name}`;
}

function toResource(kind: CustomKind, object: PropertyMap): CustomResource {
  const namespace = textAt(object, "metadata", "namespace");
  const finalizers = listAt(object, "metadata", "finalizers") as string[];
  return {
    kind,
    ...(namespace !== "" && { namespace }),
    name: textAt(object, "metadata", "name"),
    uid: textAt(object, "metadata", "uid"),
    generation: numberAt(object, "metadata", "generation"),
    resourceVersion: textAt(object, "metadata", "resourceVersion"),
    labels: mapAt(object, "metadata", "labels") as Record<string, string>,
    annotations: mapAt(object, "metadata", "annotations") as Record<string, string>,
    spec: mapAt(object, "spec"),
    status: mapAt(object, "status"),
    deleting: textAt(object, "metadata", "deletionTimestamp") !== "",
    finalizers,
    held: finalizers.includes(FINALIZER),
  };
}
