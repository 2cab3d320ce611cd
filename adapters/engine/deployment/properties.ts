import type { ResourceState } from "../contract/checkpoint.ts";
import {
  ARCHIVE_SIGNATURE,
  ASSET_SIGNATURE,
  FLOAT_SIGNATURE,
  hasSecrets,
  hasUnknowns,
  isObject,
  isPlainObject,
  isSecret,
  isUnknown,
  makeSecret,
  mapEntries,
  mapProperties,
  mapValue,
  type PropertyMap,
  type PropertyValue,
  RESOURCE_REFERENCE_SIGNATURE,
  SECRET_SIGNATURE,
  SIGNATURE_KEY,
  unwrapSecret,
} from "../contract/values.ts";
import type { SecretsManager } from "../operation.ts";

export function stripSecrets(map: PropertyMap): PropertyMap {
  return mapProperties(map, unwrapSecret);
}

/**
 * Marks as secret what has the name of something secret in `known`: for providers that are not given the secret marks. A list with
 * one secret in it is secret as a whole, since a provider may answer it in another order.
 */
export function remarkSecrets(values: PropertyMap, known: PropertyMap): PropertyMap {
  let marked = values;
  for (const key of Object.keys(known)) {
    const like = known[key];
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value === undefined || isSecret(value) || !hasSecrets(like)) {
      continue;
    }
    if (marked === values) {
      marked = { ...values };
    }
    marked[key] = isPlainObject(value) && isPlainObject(like) ? remarkSecrets(value, like) : makeSecret(value);
  }
  return marked;
}

/** A provider is not asked about what is not known, but in a preview. */
export function withoutUnknowns(map: PropertyMap): PropertyMap {
  return hasUnknowns(map) ? (knownPart(map) as PropertyMap) : map;
}
function knownPart(value: PropertyValue): PropertyValue | undefined {
  if (isUnknown(value)) {
    return undefined;
  }
  if (Array.isArray(value)) {
    return value.map(knownPart).filter((element) => element !== undefined);
  }
  if (!isObject(value)) {
    return value;
  }
  const entries = Object.entries(value).map(([key, part]) => [key, knownPart(part)] as const);
  const known = Object.fromEntries(entries.filter((entry): entry is [string, PropertyValue] => entry[1] !== undefined));
  return isSecret(value) && !("value" in known) ? undefined : known;
}

/** Pulumi's DeepEquals: null counts as absent, any two unknowns are equal, hashed assets are equal when their hashes are. */
export function deepEqual(left: PropertyValue | undefined, right: PropertyValue | undefined): boolean {
  if (left === right || (Number.isNaN(left) && Number.isNaN(right))) {
    return true;
  }
  if (isUnknown(left)) {
    return isUnknown(right);
  }
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return false;
  }
  if (Array.isArray(left)) {
    return Array.isArray(right) && left.length === right.length && left.every((element, index) => deepEqual(element, right[index]));
  }
  if (Array.isArray(right)) {
    return false;
  }
  const signature = left[SIGNATURE_KEY];
  if (signature !== right[SIGNATURE_KEY]) {
    return false;
  }
  if ((signature === ASSET_SIGNATURE || signature === ARCHIVE_SIGNATURE) && left["hash"] && right["hash"]) {
    return left["hash"] === right["hash"];
  }
  if (signature === RESOURCE_REFERENCE_SIGNATURE) {
    return left["urn"] === right["urn"] && deepEqual(left["id"], right["id"]);
  }
  for (const key in left) {
    if (!deepEqual(left[key] ?? null, (Object.hasOwn(right, key) ? right[key] : undefined) ?? null)) {
      return false;
    }
  }
  for (const key in right) {
    if (!Object.hasOwn(left, key) && right[key] != null) {
      return false;
    }
  }
  return true;
}

const maskedSecret: PropertyValue = { [SIGNATURE_KEY]: SECRET_SIGNATURE, ciphertext: "[secret]" };
const masked = new WeakMap<PropertyMap, PropertyMap>();

/** What may leave the engine in an event: no secret values, no contents of text assets. */
export function maskProperties(map: PropertyMap | undefined): PropertyMap {
  if (!map) {
    return {};
  }
  let result = masked.get(map);
  if (!result) {
    result = mapEntries(map, maskValue);
    masked.set(map, result);
  }
  return result;
}
function maskValue(value: PropertyValue): PropertyValue {
  if (typeof value !== "object" || value === null) {
    return isInJson(value) ? value : encodeFloat(value);
  }
  if (isSecret(value)) {
    return maskedSecret;
  }
  return mapValue(value, (part) => {
    if (!isObject(part)) {
      return isInJson(part) ? part : encodeFloat(part);
    }
    if (part[SIGNATURE_KEY] === SECRET_SIGNATURE) {
      return maskedSecret;
    }
    if (part[SIGNATURE_KEY] === ASSET_SIGNATURE && part["text"]) {
      return { ...part, text: "<contents elided>" };
    }
    return part;
  });
}

/** Ciphertexts of secrets that were loaded or written before: an unchanged secret is written as it was. */
const ciphertexts = new WeakMap<object, { manager: SecretsManager; ciphertext: string }>();

export function encryptState(state: ResourceState, secrets: SecretsManager): ResourceState {
  return changeStateValues(state, (value) => encodeValue(value, secrets));
}
export function decryptState(state: ResourceState, secrets: SecretsManager): ResourceState {
  return changeStateValues(state, (value) => decodeValue(value, secrets));
}

function changeStateValues(state: ResourceState, change: (value: PropertyValue) => PropertyValue): ResourceState {
  const inputs = state.inputs && mapEntries(state.inputs, change);
  const outputs = state.outputs && mapEntries(state.outputs, change);
  const trigger = state.replacementTrigger === undefined ? undefined : change(state.replacementTrigger);
  if (inputs === state.inputs && outputs === state.outputs && trigger === state.replacementTrigger) {
    return state;
  }
  return {
    ...state,
    ...(inputs && { inputs }),
    ...(outputs && { outputs }),
    ...(trigger !== undefined && { replacementTrigger: trigger }),
  };
}

function encodeValue(value: PropertyValue, secrets: SecretsManager): PropertyValue {
  if (!isInJson(value)) {
    return encodeFloat(value);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (isSecret(value)) {
    const known = ciphertexts.get(value);
    if (known?.manager === secrets) {
      return { [SIGNATURE_KEY]: SECRET_SIGNATURE, ciphertext: known.ciphertext };
    }
    const ciphertext = secrets.encrypt(JSON.stringify(encodeValue(value["value"] ?? null, secrets)));
    ciphertexts.set(value, { manager: secrets, ciphertext });
    return { [SIGNATURE_KEY]: SECRET_SIGNATURE, ciphertext };
  }
  if (Array.isArray(value)) {
    return value.map((element) => encodeValue(element, secrets));
  }
  return mapEntries(value, (part) => encodeValue(part, secrets));
}

function decodeValue(value: PropertyValue, secrets: SecretsManager): PropertyValue {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const before = value[index] as PropertyValue;
      if (typeof before === "object" && before !== null) {
        return value.map((element) => decodeValue(element, secrets));
      }
    }
    return value;
  }
  if (value[SIGNATURE_KEY] === SECRET_SIGNATURE && typeof value["ciphertext"] === "string") {
    const plaintext = JSON.parse(secrets.decrypt(value["ciphertext"])) as PropertyValue;
    const secret = { [SIGNATURE_KEY]: SECRET_SIGNATURE, value: decodeValue(plaintext, secrets) };
    ciphertexts.set(secret, { manager: secrets, ciphertext: value["ciphertext"] });
    return secret;
  }
  if (value[SIGNATURE_KEY] === FLOAT_SIGNATURE && typeof value["value"] === "string") {
    return decodeFloat(value["value"]);
  }
  if (value[SIGNATURE_KEY] === RESOURCE_REFERENCE_SIGNATURE && value["packageVersion"] === "") {
    // The real CLI stores an empty version with a reference that has none; no SDK sends it.
    const { packageVersion: _none, ...reference } = value;
    return reference;
  }
  return mapEntries(value, (part) => decodeValue(part, secrets));
}

/** JSON has no NaN and no infinities: Pulumi stores their bits, those that NaN has in Pulumi's protocol. */
function isInJson(value: PropertyValue): value is Exclude<PropertyValue, number> {
  return typeof value !== "number" || Number.isFinite(value);
}
function encodeFloat(value: number): PropertyValue {
  if (Number.isNaN(value)) {
    return { [SIGNATURE_KEY]: FLOAT_SIGNATURE, value: "7fffffffffffffff" };
  }
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return { [SIGNATURE_KEY]: FLOAT_SIGNATURE, value: bits.toString("hex") };
}
function decodeFloat(hex: string): number {
  return Buffer.from(hex.padStart(16, "0"), "hex").readDoubleBE();
}
