import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const TOKEN_BYTES = 32;
/** What 32 bytes take in base58. */
const BODY_LENGTH = 44;
/** What 32 bits take. */
const CHECKSUM_LENGTH = 6;
/** How much of a token may be shown: enough to find it in a file, and what is left can't be guessed. */
const SHOWN_LENGTH = 12;
/** Longer than any token, a signed one of an identity provider too. */
const TOKEN_LENGTH_MAX = 16 * 1024;

const PREFIX = "claw_";
const OWN_FORM = new RegExp(`^${PREFIX}([${ALPHABET}]{${BODY_LENGTH}})([${ALPHABET}]{${CHECKSUM_LENGTH}})$`);

/** A new API token. By prefix and checksum secret scanners find one that leaked, and take nothing else for one. */
export function newToken(): string {
  const body = base58(BigInt(`0x${randomBytes(TOKEN_BYTES).toString("hex")}`), BODY_LENGTH);
  return `${PREFIX}${body}${checksumOf(body)}`;
}

function checksumOf(body: string): string {
  return base58(BigInt(`0x${digestToken(body).slice(0, 8)}`), CHECKSUM_LENGTH);
}

function base58(number: bigint, length: number): string {
  let value = number;
  let text = "";
  for (let digit = 0; digit < length; digit++) {
    text = ALPHABET[Number(value % 58n)] + text;
    value /= 58n;
  }
  return text;
}

/** Whether it can be a token at all: what has the form of one of ours and not its checksum was mistyped or made up, and is not looked for. */
export function isWellFormed(token: string): boolean {
  const [, body, checksum] = OWN_FORM.exec(token) ?? [];
  return token.length <= TOKEN_LENGTH_MAX && (body === undefined || checksumOf(body) === checksum);
}

/** Whether it has the form of a JSON Web Token: three parts, the last of which is a signature. */
export function isSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** What is shown of a token for it to be recognised. */
export function shownPrefix(token: string): string {
  return token.slice(0, SHOWN_LENGTH);
}

/** What is stored of a token: SHA-256 in hex. Tokens are random, so there is nothing that a slow hash would protect. */
export function digestToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** An instance's agent token, which says its number but for the first: that one is as all were before they were renewed. */
export function agentTokenOf(instanceId: string, number: number, derive: (purpose: string) => string): string {
  const purpose = `agent-token:${instanceId}`;
  return number === 0 ? derive(purpose) : `${number}.${derive(`${purpose}:${number}`)}`;
}

/** The number that an agent's token says. */
export function agentTokenNumber(token: string): number {
  return Number(/^([1-9]\d{0,8})\./.exec(token)?.[1] ?? 0);
}

/** Whether two tokens are the same, in a time that tells nothing of where they differ. */
export function isSameToken(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(digestToken(one)), Buffer.from(digestToken(other)));
}

/** Places that are known of a token: those where it was used last. */
export const PLACES_MAX = 32;
