/** A typed, prefixed id: the body is a UUIDv7 in base58, so ids sort by creation time and can't be guessed. */
export type Id<P extends string> = `${P}_${string}`;
export type PlanId = Id<"pln">;
export type TokenId = Id<"tok">;
export type SessionId = Id<"ses">;
export type EventId = Id<"evt">;

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const RANDOM_BYTES = 10;
/** For many ids at once: a request makes several, and to ask the system for each costs more than the rest of making it. */
const randomness = new Uint8Array(100 * RANDOM_BYTES);
let used = randomness.length;

function nextRandom(): Uint8Array {
  if (used === randomness.length) {
    crypto.getRandomValues(randomness);
    used = 0;
  }
  used += RANDOM_BYTES;
  return randomness.subarray(used - RANDOM_BYTES, used);
}

/** A new id. @param prefix what it is the id of */
export function newId<P extends string>(prefix: P, nowMs: number = Date.now()): Id<P> {
  const random = nextRandom();
  let value = BigInt(nowMs) << 80n;
  for (const [index, byte] of random.entries()) {
    value |= BigInt(byte) << BigInt(8 * (9 - index));
  }
  let body = "";
  for (let digit = 0; digit < 22; digit++) {
    body = ALPHABET[Number(value % 58n)] + body;
    value /= 58n;
  }
  return `${prefix}_${body}`;
}
