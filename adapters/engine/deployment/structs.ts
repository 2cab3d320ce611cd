import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import { isUrn, parseUrn } from "../contract/urn.ts";
import {
  ARCHIVE_SIGNATURE,
  ASSET_SIGNATURE,
  isObject,
  makeSecret,
  OUTPUT_VALUE_SIGNATURE,
  type PropertyMap,
  type PropertyValue,
  RESOURCE_REFERENCE_SIGNATURE,
  SECRET_SIGNATURE,
  SIGNATURE_KEY,
  UNKNOWN_VALUE,
} from "../contract/values.ts";
import { checkAsset, checkReference, shownSignature } from "./signed-values.ts";

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
      return withoutNames(map);
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
        wire.setStructValue(toStruct(value[SIGNATURE_KEY] === RESOURCE_REFERENCE_SIGNATURE ? withNames(value) : value));
      }
  }
  return wire;
}

/** References tell a resource's name and type on their way out, and nowhere else: they are parts of its URN. */
function withNames(reference: PropertyMap): PropertyMap {
  const urn = reference["urn"];
  if (typeof urn !== "string" || !isUrn(urn)) {
    return reference;
  }
  const { name, type } = parseUrn(urn);
  return { ...reference, name, type };
}
function withoutNames({ name: _name, type: _type, ...reference }: PropertyMap): PropertyMap {
  return reference;
}
