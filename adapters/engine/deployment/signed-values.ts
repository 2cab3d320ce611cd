import { ASSET_SIGNATURE, isObject, type PropertyMap, type PropertyValue, SIGNATURE_KEY } from "../contract/values.ts";

/** Whatever carries Pulumi's signature has to be what it claims to be, in the words of the CLI. */

/** @throws */
export function checkReference({ urn, name, type, id, packageVersion }: PropertyMap, named: string): void {
  const fail = (problem: string): never => {
    throw new Error(`malformed resource reference ${named}: ${problem}`);
  };
  if (urn === undefined) {
    fail("missing urn");
  }
  for (const [field, value] of Object.entries({ urn, name, type, id, packageVersion })) {
    if (value !== undefined && typeof value !== "string") {
      fail(`${field} not a string`);
    }
  }
}

/** Of an asset or an archive. @throws */
export function checkAsset(map: PropertyMap): void {
  const isAsset = map[SIGNATURE_KEY] === ASSET_SIGNATURE;
  const kind = isAsset ? "asset" : "archive";
  for (const [field, shown] of isAsset ? assetFields : archiveFields) {
    const value = map[field];
    if (value !== undefined && typeof value !== "string") {
      throw new Error(`unexpected ${kind} ${shown} of type ${goTypeOf(value)}`);
    }
  }
  const { assets } = map;
  if (isAsset || assets === undefined || map["path"] || map["uri"]) {
    return;
  }
  if (!isObject(assets)) {
    throw new Error(`unexpected archive contents of type ${goTypeOf(assets)}`);
  }
  for (const [name, member] of Object.entries(assets)) {
    if (!isObject(member) || member[SIGNATURE_KEY] === undefined) {
      throw new Error(`archive member '${name}' is not an asset or archive`);
    }
  }
}
const assetFields = [
  ["hash", "hash"],
  ["text", "text"],
  ["path", "path"],
  ["uri", "URI"],
] as const;
const archiveFields = [
  ["hash", "hash"],
  ["path", "path"],
  ["uri", "URI"],
] as const;

/** The CLI names types as Go does. */
function goTypeOf(value: PropertyValue): string {
  switch (typeof value) {
    case "number":
      return "float64";
    case "boolean":
      return "bool";
    case "string":
      return "string";
    default:
      return value === null ? "<nil>" : Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
  }
}

export function shownSignature(signature: PropertyValue): string {
  return signature === null ? "<nil>" : String(signature);
}
