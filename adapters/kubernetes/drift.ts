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
  diffs.push(
    ...additionsTo(declared, live).map(({ path, value }): PropertyDiff => ({ path, kind: "add", after: shownAddition(path, value) })),
  );
  if (kind === "Secret" && own("data")) {
    diffs.push({ path: "data", kind: "update", before: MASKED, after: MASKED });
  }
  if (diffs.length === 0) {
    return undefined;
  }
  const named = others.filter(({ fields }) => diffs.some(({ path }) => owns(fields, path)));
  const by = named.length > 0 ? named : others.slice(0, 1);
  const time = by[0]?.time ?? "";
  return {
    op: "changed",
    diffs,
    ...(by.length > 0 && { manager: [...new Set(by.map(({ name }) => name))].join(", ") }),
    ...(time !== "" && { time: new Date(time).toISOString() }),
  };
}

/** What is ours wholly, by kind: there, what others add to what was declared counts too. It would live in every pod, or open the network. */
const WHOLLY_OURS: Readonly<Record<string, readonly string[]>> = { StatefulSet: ["spec", "template"], NetworkPolicy: ["spec"] };
/** What tools write into pod templates by right: it restarts pods, and is in ours without harm. */
const BY_RIGHT = new Set(["kubectl.kubernetes.io/restartedAt"]);

interface Addition {
  readonly path: string;
  readonly value: PropertyValue;
  /** The steps to it in the object, items of lists by their place. */
  readonly steps: readonly (string | number)[];
}

/** What is shown of an addition: variables without their values. Nobody said which of them are secret, and a key is often put in this way. */
function shownAddition(path: string, value: PropertyValue): string {
  const isVariable = /\.env\[[^\]]*\]/.test(path);
  return isVariable
    ? MASKED
    : JSON.stringify(value, (key, item) =>
        key === "env" && Array.isArray(item) ? item.map((variable) => textAt(variable, "name")) : item,
      );
}

/** What others added to what is ours wholly. What webhooks add to our own writes is ours: the server counts it so. */
function additionsTo(declared: PropertyMap, live: PropertyMap): Addition[] {
  const root = WHOLLY_OURS[textAt(declared, "kind")];
  if (!root) {
    return [];
  }
  const found = new Map<string, Addition>();
  const visit = (fields: PropertyMap, wanted: PropertyValue | undefined, path: string, steps: readonly (string | number)[]): void => {
    for (const [key, inner] of Object.entries(fields)) {
      const step = stepOf(key, at(live, ...steps));
      const value = step === undefined ? undefined : at(live, ...steps, step);
      if (step === undefined || value === undefined || BY_RIGHT.has(String(step))) {
        continue;
      }
      const counterpart = typeof step === "string" ? at(wanted, step) : itemLike(wanted, itemKey(key));
      const below = typeof step === "string" ? formatConfigKey([step], path) : `${path}[${textAt(value, "name") || step}]`;
      if (counterpart === undefined) {
        found.set(below, { path: below, value, steps: [...steps, step] });
      } else {
        visit(mapAt(inner), counterpart, below, [...steps, step]);
      }
    }
  };
  for (const { fields } of othersOf(live)) {
    const beneath = root.reduce<PropertyMap>((inner, name) => mapAt(inner, `f:${name}`), fields);
    visit(beneath, at(declared, ...root), root.join("."), root);
  }
  return [...found.values()];
}

/** Where a step of a field set leads to in a value: a key, or the place of an item; undefined for what is no step down. */
function stepOf(key: string, value: PropertyValue | undefined): string | number | undefined {
  if (key.startsWith("f:")) {
    return key.slice(2);
  }
  const place = key.startsWith("k:") && Array.isArray(value) ? value.indexOf(itemLike(value, itemKey(key)) ?? null) : -1;
  return place < 0 ? undefined : place;
}

function itemKey(key: string): PropertyMap {
  return key.startsWith("k:") ? (JSON.parse(key.slice(2)) as PropertyMap) : {};
}

/** The item of a list that has these keys; one that was declared may leave some to their defaults. */
function itemLike(list: PropertyValue | undefined, keys: PropertyMap): PropertyValue | undefined {
  return Array.isArray(list)
    ? list.find((item) => Object.entries(keys).every(([key, value]) => [value, undefined].includes(at(item, key) as string | undefined)))
    : undefined;
}

/** An object without what others added to what is ours wholly; undefined when they added nothing. */
export function withoutAdditions(declared: PropertyMap, live: PropertyMap): PropertyMap | undefined {
  const additions = additionsTo(declared, live);
  if (additions.length === 0) {
    return undefined;
  }
  const cleaned = structuredClone(live);
  const places = additions.map(({ steps }) => ({ holder: at(cleaned, ...steps.slice(0, -1)), step: steps.at(-1) }));
  // From the end of each list, so that places before it stay what they are.
  for (const { holder, step } of places.sort((a, b) => Number(b.step) - Number(a.step) || 0)) {
    if (Array.isArray(holder)) {
      holder.splice(Number(step), 1);
    } else if (typeof holder === "object" && holder !== null) {
      Reflect.deleteProperty(holder, String(step));
    }
  }
  return cleaned;
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
