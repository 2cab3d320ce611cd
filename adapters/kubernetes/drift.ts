import { formatConfigKey, type PropertyDiff } from "../../sdk/contract/index.ts";
import type { DeclaredResource, Deviation, SeenObject } from "../../service/application/ports/clusters/clusters.ts";
import { diffValues } from "../../service/domain/diff.ts";
import { type PropertyMap, type PropertyValue, SIGNATURE_KEY } from "../engine/contract/values.ts";
import { at, listAt, mapAt, textAt } from "./client/objects.ts";

/** Pulumi's provider and ours own what they declare under names with this prefix. */
const OURS = /^pulumi-kubernetes/;
/** What these write is what they are there for; a scale is somebody's wish all the same, even an autoscaler's. */
const CONTROLLERS = new Set(["kube-controller-manager", "kube-scheduler", "kubelet", "kwok"]);
const MASKED = "[secret]";

interface Manager {
  readonly name: string;
  /** Empty when the server does not say. */
  readonly time: string;
  readonly fields: PropertyMap;
}

/** Who else than us and the cluster's controllers has written parts of an object, newest first. */
export function othersOf(object: PropertyMap): Manager[] {
  return listAt(object, "metadata", "managedFields")
    .filter((entry) => {
      const name = textAt(entry, "manager");
      const subresource = textAt(entry, "subresource");
      return !OURS.test(name) && subresource !== "status" && (subresource === "scale" || !CONTROLLERS.has(name));
    })
    .map((entry) => ({ name: textAt(entry, "manager"), time: textAt(entry, "time"), fields: mapAt(entry, "fieldsV1") }))
    .sort((a, b) => (a.time < b.time ? 1 : -1));
}

/** How many properties of an object are ours. */
export function countOwned(object: PropertyMap): number {
  return JSON.stringify(oursOf(object)).split("{}").length - 1;
}

function oursOf(object: PropertyMap): PropertyMap[] {
  const entries = listAt(object, "metadata", "managedFields").filter((entry) => OURS.test(textAt(entry, "manager")));
  return entries.map((entry) => mapAt(entry, "fieldsV1"));
}

/** The declared resource that a seen object is, if it is one. */
export function declaredAs(
  resources: readonly DeclaredResource[],
  { kind, namespace, name }: Pick<SeenObject, "kind" | "namespace" | "name">,
): DeclaredResource | undefined {
  const id = namespace === undefined ? name : `${namespace}/${name}`;
  return resources.find(({ type, id: own }) => own === id && type.startsWith("kubernetes:") && type.endsWith(`:${kind}`));
}

/**
 * How an object differs from what was declared of it, as far as somebody else did it: what the server or a controller adds is nobody's
 * edit, and a value that the server writes in another form is ours still.
 * @param live undefined when it is gone
 */
export function deviationOf(declared: PropertyMap, live: PropertyMap | undefined): Deviation | undefined {
  if (!live) {
    return { op: "deleted", diffs: [] };
  }
  const others = othersOf(live);
  const { apiVersion: _version, kind, ...wanted } = withoutSecrets(declared) as PropertyMap;
  const own = (path: string) => others.find(({ fields }) => owns(fields, path));
  const ours = oursOf(live);
  // Whoever takes a property from us need not get it: a scale to zero has no owner.
  const diffs: PropertyDiff[] = diffValues(wanted, prune(live, wanted)).filter(
    ({ path, kind: change }) => change === "delete" || own(path) || !ours.some((fields) => owns(fields, path)),
  );
  if (kind === "Secret" && own("data")) {
    diffs.push({ path: "data", kind: "update", before: MASKED, after: MASKED });
  }
  if (diffs.length === 0) {
    return undefined;
  }
  const by = diffs.map(({ path }) => own(path)).find((manager) => manager !== undefined) ?? others[0];
  return { op: "changed", diffs, ...(by && { manager: by.name, ...(by.time !== "" && { time: new Date(by.time).toISOString() }) }) };
}

/** Declared values without those that are secret: they are ciphertext here. What goes away is not compared. */
function withoutSecrets(value: PropertyValue): PropertyValue | undefined {
  if (Array.isArray(value)) {
    return value.map((item) => withoutSecrets(item) ?? null);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (SIGNATURE_KEY in value) {
    return undefined;
  }
  const kept = Object.entries(value).map(([key, item]) => [key, withoutSecrets(item)] as const);
  return Object.fromEntries(kept.filter(([, item]) => item !== undefined)) as PropertyMap;
}

/** What of a live value has a counterpart in what was declared; items of lists are told by their names. */
function prune(live: PropertyValue | undefined, declared: PropertyValue): PropertyValue | undefined {
  if (live === undefined && typeof declared === "object" && declared !== null && Object.keys(declared).length === 0) {
    // The server does not keep what is empty.
    return declared;
  }
  if (Array.isArray(live) && Array.isArray(declared)) {
    if (declared.length > 0 && declared.every((item) => textAt(item, "name") !== "")) {
      return declared.flatMap((item) => {
        const found = live.find((other) => textAt(other, "name") === textAt(item, "name"));
        return found === undefined ? [] : [prune(found, item) ?? null];
      });
    }
    return live.length === declared.length ? live.map((item, index) => prune(item, declared[index] ?? null) ?? null) : live;
  }
  if (typeof live === "object" && live !== null && !Array.isArray(live) && typeof declared === "object" && declared !== null) {
    const kept = Object.entries(declared).flatMap(([key, item]) => {
      const value = prune(at(live, key), item);
      return value === undefined ? [] : [[key, value] as const];
    });
    return Object.fromEntries(kept);
  }
  return live;
}

/** Whether a manager's fields hold a path like `spec.template.spec.containers[claw].image`; a key that has dots is quoted in it. */
function owns(fields: PropertyMap, path: string): boolean {
  if (path === "" || Object.keys(fields).length === 0) {
    return true;
  }
  return Object.entries(fields).some(([key, inner]) => {
    const rest = restOf(key, path);
    return rest !== undefined && owns(mapAt(inner), rest);
  });
}

/** What is left of a path after one step of a field set: `f:replicas`, or `k:{"name":"claw"}` for the item of a list. */
function restOf(key: string, path: string): string | undefined {
  if (key.startsWith("f:")) {
    const name = formatConfigKey([key.slice(2)]);
    const isStep = path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`);
    return isStep ? path.slice(name.length).replace(/^\./, "") : undefined;
  }
  const item = /^\[([^\]]*)\]\.?/.exec(path);
  const isItem = item !== null && key.startsWith("k:") && Object.values(JSON.parse(key.slice(2)) as object).includes(item[1]);
  return isItem ? path.slice(item[0].length) : undefined;
}
