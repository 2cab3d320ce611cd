import { isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";

export interface Place {
  readonly from: number;
  readonly to: number;
}

/** Where in a manifest's text that stands which a path of the service's names: `manifests[0].spec.replicas`, `spec.variables[name].type`. As near as there is something. */
export function placeOf(text: string, path: string): Place | undefined {
  const names = path
    .replace(/^(manifests\[\d+\]|changes\[\d+\]\.manifest)\.?/, "")
    .split(/\.(?![^[]*\])|\[|\]/)
    .filter((name) => name !== "");
  let node: unknown = parseDocument(text).contents;
  let found = rangeOf(node);
  for (const name of names) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
      if (!pair) {
        break;
      }
      // A key says where; what it has may be lines long.
      found = rangeOf(pair.key) ?? found;
      node = pair.value;
      if (isScalar(node)) {
        found = rangeOf(node) ?? found;
      }
    } else if (isSeq(node)) {
      const items: readonly unknown[] = node.items;
      const item = /^\d+$/.test(name)
        ? items[Number(name)]
        : items.find((each) => isMap(each) && (each.get("name") === name || each.get("key") === name));
      if (item === undefined) {
        break;
      }
      node = item;
      found = isMap(item) ? (rangeOf(item.items[0]?.key) ?? found) : (rangeOf(item) ?? found);
    } else {
      break;
    }
  }
  return names.length === 0 ? undefined : found;
}

function rangeOf(node: unknown): Place | undefined {
  return isNode(node) && node.range ? { from: node.range[0], to: node.range[1] } : undefined;
}
