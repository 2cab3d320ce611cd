import { formatConfigKey, isSecretRef, SECRET_MASK } from "../../sdk/contract/index.ts";
import { isReference } from "./configs/references.ts";

/** A secret value at rest: its ciphertext in place of the value. */
export type Sealed = { readonly $sealed: string };

export function isSealed(value: unknown): value is Sealed {
  return typeof value === "object" && value !== null && "$sealed" in value && typeof value.$sealed === "string";
}

interface Cipher {
  encrypt(plaintext: string): string;
  decrypt(ciphertext: string): string;
}

/** Where a value stands: the keys that lead to it, indexes of lists among them. */
export type ValuePath = readonly string[];

/** Ciphertexts by the place of each (see {@link placeOf}). */
export type SealedPlaces = ReadonlyMap<string, Sealed>;

/** Thrown for a mask that stands for nothing: what to say of it depends on where the value was given. */
export class UnknownMaskError extends Error {
  override readonly name = "UnknownMaskError";
  readonly path: ValuePath;

  constructor(path: ValuePath) {
    super(`'${SECRET_MASK}' at '${formatConfigKey(path)}' stands for a secret that is stored, and none is stored there`);
    this.path = path;
  }
}

export interface Sealing {
  /** Which plain values are secret. */
  readonly isSecret: (path: ValuePath, value: unknown) => boolean;
  /** What was sealed before. What stood sealed in a place stays so, whatever the rules say now. */
  readonly former: SealedPlaces;
  readonly cipher: Cipher;
}

/**
 * A copy in which every secret leaf is ciphertext. An unchanged value keeps its ciphertext, so that it is no change; the mask stands for
 * the former value. @throws {UnknownMaskError}
 */
export function sealLeaves<T>(value: T, sealing: Sealing, path: ValuePath = []): T {
  return sealAt(value, sealing, path, placeOf(path), false) as T;
}

function sealAt(value: unknown, sealing: Sealing, path: ValuePath, place: string, isInherited: boolean): unknown {
  const { isSecret, former, cipher } = sealing;
  if (isSealed(value) || value === null || value === undefined) {
    return value;
  }
  const known = former.get(place);
  const isKept = isInherited || known !== undefined;
  if (Array.isArray(value)) {
    // What is sealed itself names nothing: once it is stored, nobody sees it.
    const places = placesOfItems(place, value, (key, name, index) => {
      const isSealedNow = !isReference(name) && (isKept || isSecret([...path, String(index), key], name));
      return !isSealedNow && !former.has(`${placeOfIndex(place, index, value)}.${key}`);
    });
    return value.map((item, index) => sealAt(item, sealing, [...path, String(index)], places[index] ?? "", isKept));
  }
  if (typeof value === "object") {
    if (isReference(value)) {
      return value;
    }
    const entries = Object.entries(value).map(([key, item]) => [key, sealAt(item, sealing, [...path, key], `${place}.${key}`, isKept)]);
    return Object.fromEntries(entries);
  }
  if (value === SECRET_MASK) {
    // Whatever the rules say of its place: it was shown in place of a secret that another place has.
    if (!known) {
      throw new UnknownMaskError(path);
    }
    return known;
  }
  if (isReference(value) || !(isKept || isSecret(path, value))) {
    return value;
  }
  const text = JSON.stringify(value);
  return known && cipher.decrypt(known.$sealed) === text ? known : { $sealed: cipher.encrypt(text) };
}

/** The ciphertexts of a value, by where they stand. */
export function sealedPlaces(value: unknown, path: ValuePath = [], found = new Map<string, Sealed>()): Map<string, Sealed> {
  collect(value, placeOf(path), found);
  return found;
}

function collect(value: unknown, place: string, found: Map<string, Sealed>): void {
  if (isSealed(value)) {
    found.set(place, value);
  } else if (Array.isArray(value)) {
    const places = placesOfItems(place, value);
    for (const [index, item] of value.entries()) {
      collect(item, places[index] ?? "", found);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      collect(item, `${place}.${key}`, found);
    }
  }
}

function placeOf(path: ValuePath): string {
  return path.map((segment) => `.${segment}`).join("");
}

/**
 * Items of a list are known by what names them. Of those without a name of their own, only the same index of a list of the same length
 * is the same place: a mask must never come to mean another item's secret.
 */
function placesOfItems(
  place: string,
  items: readonly unknown[],
  isPlain: (key: string, name: string, index: number) => boolean = () => true,
): string[] {
  const names = items.map((item, index) => nameOf(item, (key, name) => isPlain(key, name, index)));
  const counts = new Map<string | undefined, number>();
  for (const name of names) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return names.map((name, index) =>
    name !== undefined && counts.get(name) === 1 ? `${place}[${name}]` : placeOfIndex(place, index, items),
  );
}

function placeOfIndex(place: string, index: number, { length }: readonly unknown[]): string {
  return `${place}[${index} of ${length}]`;
}

function nameOf(item: unknown, isPlain: (key: string, name: string) => boolean): string | undefined {
  const fields = typeof item === "object" && item !== null ? (item as Readonly<Record<string, unknown>>) : {};
  for (const key of ["name", "id", "key"]) {
    const name = fields[key];
    if (typeof name === "string" && name !== SECRET_MASK && isPlain(key, name)) {
      return name;
    }
  }
  return undefined;
}

/** What it takes to have secrets in plain. */
export interface Opening {
  readonly cipher: Cipher;
  /** What a named secret is; undefined for one that there is not, or that has no value. */
  readonly meaning?: ((secret: string) => unknown) | undefined;
}

/** A copy with its secrets in plain; a name that means nothing stays. @param note told of each place where a secret was */
export function openLeaves(value: unknown, opening: Opening, note: (path: ValuePath) => void = () => {}, path: ValuePath = []): unknown {
  if (isSealed(value)) {
    note(path);
    return JSON.parse(opening.cipher.decrypt(value.$sealed));
  }
  if (isSecretRef(value)) {
    const meant = opening.meaning?.(value.secretRef);
    if (meant !== undefined) {
      note(path);
    }
    return meant ?? value;
  }
  return mapItems(value, (item, key) => openLeaves(item, opening, note, [...path, key]));
}

/** A copy as clients may see it. */
export function maskLeaves<T>(value: T): T {
  return (isSealed(value) ? SECRET_MASK : mapItems(value, maskLeaves)) as T;
}

/** A copy whose secrets are under the key that the cipher encrypts with now. */
export function rewrapLeaves<T>(value: T, cipher: Cipher & { isCurrent(ciphertext: string): boolean }): T {
  if (isSealed(value)) {
    const { $sealed } = value;
    return (cipher.isCurrent($sealed) ? value : { $sealed: cipher.encrypt(cipher.decrypt($sealed)) }) as T;
  }
  return mapItems(value, (item) => rewrapLeaves(item, cipher)) as T;
}

function mapItems(value: unknown, map: (item: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => map(item, String(index)));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item, key)]));
  }
  return value;
}
