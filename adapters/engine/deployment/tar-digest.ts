import { createHash, type Hash } from "node:crypto";

export interface TarMember {
  /** With forward slashes. */
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK_BYTES = 512;

/**
 * The SHA-256 of the tar file that Pulumi's own engine would write of these members, in this order. It must be byte for byte the same:
 * archives of a stack that moves between the engines would differ otherwise.
 */
export function tarDigest(members: readonly TarMember[]): string {
  const hash = createHash("sha256");
  for (const { name, content } of members) {
    const split = splitName(name);
    if (!split) {
      addMember(hash, paxHeader(name), paxRecord("path", name));
    }
    addMember(hash, header(split ?? { name: ascii(name).subarray(0, 100), prefix: Buffer.alloc(0) }, 0o600, content.length, "0"), content);
  }
  hash.update(Buffer.alloc(2 * BLOCK_BYTES));
  return hash.digest("hex");
}

function addMember(hash: Hash, head: Uint8Array, content: Uint8Array): void {
  hash.update(head).update(content);
  hash.update(Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES));
}

/** A name that fits no header gets a record of its own before it. */
function paxHeader(name: string): Uint8Array {
  const slash = name.lastIndexOf("/");
  const asText = ascii(`${name.slice(0, slash + 1)}PaxHeaders.0/${name.slice(slash + 1)}`).subarray(0, 100);
  const headName = Buffer.from(asText.toString().replace(/\/+$/, ""));
  return header({ name: headName, prefix: Buffer.alloc(0) }, 0, paxRecord("path", name).length, "x");
}

/** `length key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function splitName(name: string): { name: Buffer; prefix: Buffer } | undefined {
  const bytes = Buffer.from(name);
  if (bytes.length !== name.length) {
    return undefined;
  }
  if (bytes.length <= 100) {
    return { name: bytes, prefix: Buffer.alloc(0) };
  }
  const slash = bytes.subarray(0, Math.min(bytes.length, 156)).lastIndexOf("/");
  const rest = bytes.length - slash - 1;
  if (slash <= 0 || rest > 100 || rest === 0 || slash > 155) {
    return undefined;
  }
  return { name: bytes.subarray(slash + 1), prefix: bytes.subarray(0, slash) };
}

function ascii(text: string): Buffer {
  return Buffer.from([...text].filter((character) => character.charCodeAt(0) < 128 && character.length === 1).join(""));
}

function header(path: { name: Uint8Array; prefix: Uint8Array }, mode: number, size: number, type: string): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, width: number) => block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  block.set(path.name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write(type, 156);
  block.write("ustar\x0000", 257);
  // Only members have device numbers: the header of a record is written without.
  if (type === "0") {
    octal(0, 329, 8);
    octal(0, 337, 8);
  }
  block.set(path.prefix, 345);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
