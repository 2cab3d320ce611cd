import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const TOKEN_BYTES = 32;
/** What 32 bytes take in base58. */
const BODY_LENGTH = 44;

/** A new API token. The prefix lets secret scanners find one that leaked. */
export function newToken(): string {
  let value = BigInt(`0x${randomBytes(TOKEN_BYTES).toString("hex")}`);
  let body = "";
  for (let digit = 0; digit < BODY_LENGTH; digit++) {
    body = ALPHABET[Number(value % 58n)] + body;
    value /= 58n;
  }
  return `claw_${body}`;
}

/** What is stored of a token: SHA-256 in hex. Tokens are random, so there is nothing that a slow hash would protect. */
export function digestToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** What an instance's agent token is derived for. */
export function agentTokenPurpose(instanceId: string): string {
  return `agent-token:${instanceId}`;
}

/** Whether two tokens are the same, in a time that tells nothing of where they differ. */
export function isSameToken(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(digestToken(one)), Buffer.from(digestToken(other)));
}
