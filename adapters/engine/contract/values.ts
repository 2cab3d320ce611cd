/**
 * A property value in Pulumi's wire form: JSON, where secrets, assets, resource references and output values are objects
 * signed with the key {@link SIGNATURE_KEY}, and unknowns are Pulumi's sentinel strings.
 */
export type PropertyValue = null | boolean | number | string | PropertyValue[] | { [key: string]: PropertyValue };
export type PropertyMap = { [key: string]: PropertyValue };

export const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
export const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
export const ASSET_SIGNATURE = "c44067f5952c0a294b673a41bacd8c17";
export const ARCHIVE_SIGNATURE = "0def7320c3a5731c473e5ecbe6d01bc7";
export const RESOURCE_REFERENCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e";
export const OUTPUT_VALUE_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
export const FLOAT_SIGNATURE = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c";

export const UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknownValues = new Set([
  UNKNOWN_VALUE,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

export function isObject(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
export function isUnknown(value: PropertyValue | undefined): boolean {
  return typeof value === "string" && value.length === 36 && unknownValues.has(value);
}
export function isSecret(value: PropertyValue | undefined): value is PropertyMap {
  return isObject(value) && value[SIGNATURE_KEY] === SECRET_SIGNATURE;
}
/** Plain objects of the program, not the signed ones. */
export function isPlainObject(value: PropertyValue | undefined): value is PropertyMap {
  return isObject(value) && value[SIGNATURE_KEY] === undefined;
}
export function makeSecret(value: PropertyValue): PropertyValue {
  return isSecret(value) ? value : { [SIGNATURE_KEY]: SECRET_SIGNATURE, value };
}
export function unwrapSecret(value: PropertyValue): PropertyValue {
  return isSecret(value) ? unwrapSecret(value["value"] ?? null) : value;
}

/** Whether `predicate` holds anywhere inside the value. */
export function someValue(value: PropertyValue | undefined, predicate: (value: PropertyValue) => boolean): boolean {
  if (value === undefined) {
    return false;
  }
  if (predicate(value)) {
    return true;
  }
  if (typeof value !== "object" || value === null) {
    return false;
  }
  if (Array.isArray(value)) {
    return value.some((element) => someValue(element, predicate));
  }
  for (const key in value) {
    if (someValue(value[key], predicate)) {
      return true;
    }
  }
  return false;
}
export function hasUnknowns(value: PropertyValue | undefined): boolean {
  return someValue(value, isUnknown);
}
export function hasSecrets(value: PropertyValue | undefined): boolean {
  return someValue(value, isSecret);
}

/** Rewrites a value from the leaves up; parts that do not change are shared with the original, not copied. */
export function mapValue(value: PropertyValue, change: (value: PropertyValue) => PropertyValue): PropertyValue {
  if (Array.isArray(value)) {
    let copy: PropertyValue[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const before = value[index] as PropertyValue;
      const after = mapValue(before, change);
      if (after !== before) {
        copy ??= [...value];
        copy[index] = after;
      }
    }
    return change(copy ?? value);
  }
  if (typeof value === "object" && value !== null) {
    return change(mapEntries(value, (part) => mapValue(part, change)));
  }
  return change(value);
}
export function mapEntries(map: PropertyMap, change: (value: PropertyValue) => PropertyValue): PropertyMap {
  let copy: PropertyMap | undefined;
  for (const key in map) {
    const before = map[key] as PropertyValue;
    const after = change(before);
    if (after !== before) {
      copy ??= { ...map };
      copy[key] = after;
    }
  }
  return copy ?? map;
}
export function mapProperties(map: PropertyMap, change: (value: PropertyValue) => PropertyValue): PropertyMap {
  return mapEntries(map, (value) => mapValue(value, change));
}
