import structPb from "google-protobuf/google/protobuf/struct_pb.js";
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
  OUTPUT_VALUE_SIGNATURE,
  type PropertyMap,
  type PropertyValue,
  RESOURCE_REFERENCE_SIGNATURE,
  SECRET_SIGNATURE,
  SIGNATURE_KEY,
  UNKNOWN_VALUE,
  unwrapSecret,
} from "../contract/values.ts";
import type { SecretsManager } from "../operation.ts";
import { checkAsset, checkReference, shownSignature } from "./signed-values.ts";

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

type Struct = structPb.Struct;
type Value = structPb.Value;
const { KindCase } = structPb.Value;

/**
 * Output values are lowered to what they hold: unknown, secret or plain; the URNs they depend on go to `dependencies`.
 * @throws when a value is signed as one of Pulumi's forms and is none
 */
export function fromStruct(struct: Struct | undefined, dependencies?: (key: string, urns: string[]) => void): PropertyMap {
  if (struct instanceof PlainStruct) {
    return lower(struct.plain, dependencies);
  }
  const map: PropertyMap = {};
  struct?.getFieldsMap().forEach((value, key) => {
    map[key] = fromValue(value, key, dependencies && ((urns) => dependencies(key, urns)));
  });
  return map;
}
export function fromValue(value: Value, key: string, dependencies?: (urns: string[]) => void): PropertyValue {
  switch (value.getKindCase()) {
    case KindCase.STRING_VALUE:
      return value.getStringValue();
    case KindCase.NUMBER_VALUE:
      return value.getNumberValue();
    case KindCase.BOOL_VALUE:
      return value.getBoolValue();
    case KindCase.LIST_VALUE:
      return (value.getListValue()?.getValuesList() ?? []).map((element) => fromValue(element, key, dependencies));
    case KindCase.STRUCT_VALUE: {
      const map = fromStruct(value.getStructValue(), dependencies && ((_, urns) => dependencies(urns)));
      return map[SIGNATURE_KEY] === undefined ? map : fromSigned(map, key, dependencies);
    }
    default:
      return null;
  }
}
function lower(plain: PropertyMap, dependencies?: (key: string, urns: string[]) => void): PropertyMap {
  const map: PropertyMap = {};
  for (const key in plain) {
    map[key] = lowerValue(plain[key] as PropertyValue, key, dependencies && ((urns) => dependencies(key, urns)));
  }
  return map;
}
function lowerValue(value: PropertyValue, key: string, dependencies?: (urns: string[]) => void): PropertyValue {
  if (Array.isArray(value)) {
    return value.map((element) => lowerValue(element, key, dependencies));
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const map = lower(value, dependencies && ((_, urns) => dependencies(urns)));
  return map[SIGNATURE_KEY] === undefined ? map : fromSigned(map, key, dependencies);
}
function fromSigned(map: PropertyMap, key: string, dependencies?: (urns: string[]) => void): PropertyValue {
  const { [SIGNATURE_KEY]: signature = null, value } = map;
  const named = `for "${key}"`;
  switch (signature) {
    case OUTPUT_VALUE_SIGNATURE:
      return lowerOutputValue(map, named, dependencies);
    case SECRET_SIGNATURE:
      if (value === undefined) {
        throw new Error(`malformed RPC secret: missing value ${named}`);
      }
      return makeSecret(value);
    case RESOURCE_REFERENCE_SIGNATURE:
      checkReference(map, named);
      return map;
    case ASSET_SIGNATURE:
      checkAsset(map);
      return map;
    case ARCHIVE_SIGNATURE:
      checkAsset(map);
      return map["path"] || map["uri"] || map["assets"] ? map : { ...map, assets: {} };
    default:
      throw new Error(`unrecognized signature '${shownSignature(signature)}' in property map ${named}`);
  }
}
function lowerOutputValue(output: PropertyMap, named: string, dependencies?: (urns: string[]) => void): PropertyValue {
  const { secret = false, value = UNKNOWN_VALUE, dependencies: urns } = output;
  if (typeof secret !== "boolean") {
    throw new Error(`malformed output value ${named}: secret not a bool`);
  }
  if (Array.isArray(urns)) {
    dependencies?.(urns as string[]);
  }
  return secret ? makeSecret(value) : value;
}

export function toStruct(map: PropertyMap): Struct {
  const struct = new structPb.Struct();
  fill(struct, map);
  return struct;
}
function fill(struct: Struct, map: PropertyMap): void {
  const fields = struct.getFieldsMap();
  for (const key in map) {
    const value = map[key];
    if (value !== undefined) {
      fields.set(key, toValue(value));
    }
  }
}

/** A struct that is plain values for who has it in this process, and becomes a message when it goes out: most never do. */
export class PlainStruct extends structPb.Struct {
  readonly plain: PropertyMap;
  #filled = false;

  constructor(plain: PropertyMap) {
    super();
    this.plain = plain;
  }
  override toJavaScript(): PropertyMap {
    return withoutUndefined(this.plain);
  }
  override getFieldsMap(): ReturnType<Struct["getFieldsMap"]> {
    if (!this.#filled) {
      this.#filled = true;
      fill(this, this.plain);
    }
    return super.getFieldsMap();
  }
}
function withoutUndefined(map: PropertyMap): PropertyMap {
  const copy: PropertyMap = {};
  for (const key in map) {
    const value = map[key];
    if (value !== undefined) {
      copy[key] = definedValue(value);
    }
  }
  return copy;
}
function definedValue(value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) {
    return value.map(definedValue);
  }
  return isObject(value) ? withoutUndefined(value) : value;
}
function toValue(value: PropertyValue): Value {
  const wire = new structPb.Value();
  switch (typeof value) {
    case "string":
      wire.setStringValue(value);
      break;
    case "number":
      wire.setNumberValue(value);
      break;
    case "boolean":
      wire.setBoolValue(value);
      break;
    default:
      if (value === null) {
        wire.setNullValue(structPb.NullValue.NULL_VALUE);
      } else if (Array.isArray(value)) {
        wire.setListValue(new structPb.ListValue().setValuesList(value.map(toValue)));
      } else {
        wire.setStructValue(toStruct(value));
      }
  }
  return wire;
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
