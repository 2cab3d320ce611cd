import type { MarkedThing } from "../../service/application/ports/clusters/leftovers.ts";
import type { PropertyMap } from "../engine/contract/values.ts";
import type { ApiClient } from "./client/api-client.ts";
import { ApiError, orGone } from "./client/api-errors.ts";
import { listAt, nameOf, namespaceOf, textAt } from "./client/objects.ts";
import { declaredKinds } from "./declared-kinds.ts";
import { othersOf } from "./drift.ts";
import { TENANT_LABEL, UID_LABEL } from "./observe.ts";

/** On every object that a control plane declares; the components write it. */
const CONTROL_PLANE_LABEL = "clusterclaw.io/control-plane";
/** Names and labels without what the objects are: secrets need not come along. */
const METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const PAGE = "500";

/** The objects that one control plane made for instances, and the namespaces that it made for tenants. Those of before they had the label are not among them. */
export async function markedObjects(client: ApiClient, controlPlane: string): Promise<MarkedThing[]> {
  const own = `${CONTROL_PLANE_LABEL}=${controlPlane}`;
  const found: MarkedThing[] = [];
  for (const { kind, root, plural } of declaredKinds) {
    const labelSelector = kind === "Namespace" ? own : `${own},${UID_LABEL}`;
    for await (const object of listAll(client, `${root}/${plural}`, labelSelector)) {
      const [namespace, instance] = [namespaceOf(object), labelOf(object, UID_LABEL)];
      found.push({
        kind,
        name: nameOf(object),
        tenant: labelOf(object, TENANT_LABEL),
        ...(namespace !== "" && { namespace }),
        ...(instance !== "" && { instance }),
      });
    }
  }
  return found;
}

/** The network policies of these namespaces that nobody declared by a control plane. */
export async function othersPolicies(client: ApiClient, namespaces: ReadonlySet<string>): Promise<MarkedThing[]> {
  const found: MarkedThing[] = [];
  for await (const object of listAll(client, "/apis/networking.k8s.io/v1/networkpolicies", `!${CONTROL_PLANE_LABEL}`)) {
    const namespace = namespaceOf(object);
    if (namespaces.has(namespace)) {
      found.push({ kind: "NetworkPolicy", namespace, name: nameOf(object) });
    }
  }
  return found;
}

/** Deletes an object, unless it is another instance's by now. */
export async function removeObject(client: ApiClient, { kind, namespace, name, instance }: MarkedThing): Promise<void> {
  const place = declaredKinds.find((known) => known.kind === kind);
  if (!place) {
    throw new TypeError(`'${kind}' is no kind that is declared`);
  }
  const path = `${place.root}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${place.plural}/${name}`;
  const live = await orGone(client.request({ path }));
  if (live && labelOf(live, UID_LABEL) === (instance ?? "")) {
    const preconditions = { uid: textAt(live, "metadata", "uid"), resourceVersion: textAt(live, "metadata", "resourceVersion") };
    await orGone(client.request({ method: "DELETE", path, body: { propagationPolicy: "Background", preconditions } }));
  }
}

/** What people keep in namespaces. */
const KEPT = [
  ...["pods", "persistentvolumeclaims", "secrets", "configmaps", "services"].map((plural) => ({ root: "/api/v1", plural })),
  ...["deployments", "statefulsets", "daemonsets"].map((plural) => ({ root: "/apis/apps/v1", plural })),
  ...["jobs", "cronjobs"].map((plural) => ({ root: "/apis/batch/v1", plural })),
];
/** Kubernetes puts it into every namespace. */
const ROOT_CERTIFICATES = "kube-root-ca.crt";

/** Whether a namespace that we made is as we left it: nobody else wrote it, and there is nothing in it but what we declare ourselves; data count whosever they are. */
export async function isAbandoned(client: ApiClient, namespace: string): Promise<boolean> {
  const live = await orGone(client.request({ path: `/api/v1/namespaces/${namespace}` }));
  if (live && othersOf(live).length > 0) {
    return false;
  }
  for (const { root, plural } of KEPT) {
    const labelSelector = plural === "persistentvolumeclaims" ? "" : `!${CONTROL_PLANE_LABEL}`;
    const page = await client.request({
      path: `${root}/namespaces/${namespace}/${plural}`,
      query: { labelSelector, limit: "2" },
      accept: METADATA_ALONE,
    });
    if (listAt(page, "items").some((object) => nameOf(object as PropertyMap) !== ROOT_CERTIFICATES)) {
      return false;
    }
  }
  return true;
}

function labelOf(object: PropertyMap, label: string): string {
  return textAt(object, "metadata", "labels", label);
}

async function* listAll(client: ApiClient, path: string, labelSelector: string): AsyncGenerator<PropertyMap> {
  let token = "";
  do {
    const query = { labelSelector, limit: PAGE, ...(token !== "" && { continue: token }) };
    const page = await client.request({ path, query, accept: METADATA_ALONE }).catch((error: unknown) => {
      // A kind that is not installed, or that it may not see, it can't have made.
      if (error instanceof ApiError && (error.isNotFound || error.code === 403)) {
        return {};
      }
      throw error;
    });
    yield* listAt(page, "items") as PropertyMap[];
    token = textAt(page, "metadata", "continue");
  } while (token !== "");
}
