/** A typed, prefixed id: the body is a UUIDv7 in base58, so ids sort by creation time and can't be guessed. */
export type Id<P extends string> = `${P}_${string}`;
export type TenantId = Id<"ten">;
export type ProjectId = Id<"prj">;
export type InstanceId = Id<"ins">;
export type ConfigTemplateId = Id<"cfg">;
export type ClusterId = Id<"cls">;
export type PlanId = Id<"pln">;
export type EventId = Id<"evt">;

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** A new id. @param prefix what it is the id of */
export function newId<P extends string>(prefix: P, nowMs: number = Date.now()): Id<P> {
  const random = crypto.getRandomValues(new Uint8Array(10));
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
