import { open, readFile } from "node:fs/promises";
import { request as requestInClear } from "node:http";
import { request } from "node:https";
import { z } from "zod";
import { ClawError } from "../../sdk/contract/index.ts";

/** A HashiCorp Vault, or an OpenBao, and the way in. */
export interface VaultAccess {
  /** `https://vault.example.com:8200` */
  readonly address: string;
  /** Read for each request: an agent of Vault's renews what is in it. */
  readonly tokenFile: string;
  /** Certificates, in PEM, of who vouches for Vault's; the system's when undefined. */
  readonly caFile: string | undefined;
}

const TIMEOUT_MS = 10_000;
const TOKEN_BYTES_MAX = 8 * 1024;
/** The times of some ten thousand versions of a key; a secret and what is said of it is less. */
const ANSWER_BYTES_MAX = 512 * 1024;
const WORDS_MAX = 300;

const ErrorsSchema = z.object({ errors: z.array(z.string()) });

/** It is not there, or in trouble: what another try may find different. */
export class Away extends Error {}

/** One request and its answer. @throws {Away}, and {ClawError} `service.unavailable` for settings that name no usable file */
export async function exchange(
  { address, tokenFile, caFile }: VaultAccess,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  const token = await tokenIn(tokenFile);
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile).catch((error: Error) => Promise.reject(unreadable("CLAW_VAULT_CA_FILE", error)));
  const url = new URL(path, address);
  const sent = body && JSON.stringify(body);
  const headers = {
    "x-vault-token": token,
    "x-vault-request": "true",
    ...(sent !== undefined && { "content-type": "application/json" }),
  };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const options = { method, headers, signal, agent: false as const };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(
        error instanceof ClawError
          ? error
          : new Away(signal.aborted ? `did not answer within ${TIMEOUT_MS / 1000} s` : `can't be reached: ${error.message}`),
      );
    const asked = url.protocol === "https:" ? request(url, { ...options, ...(ca && { ca }) }) : requestInClear(url, options);
    asked.on("error", fail);
    asked.on("response", (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on("data", (part: Buffer) => {
        length += part.length;
        length > ANSWER_BYTES_MAX ? response.destroy(new Error("it says more than it should")) : parts.push(part);
      });
      response.on("error", fail);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
    });
    asked.end(sent);
  });
}

/** What it says no with: its status and its own words. */
export function whyRefused(status: number, text: string): string {
  const told = ErrorsSchema.safeParse(jsonOf(text));
  const words = (told.success ? told.data.errors.join("; ") : "").replace(/\p{Cc}+/gu, " ").slice(0, WORDS_MAX);
  return `${status}${words === "" ? "" : `, ${words}`}`;
}

export function unavailable(message: string, cause?: unknown): ClawError {
  return new ClawError("service.unavailable", message, { cause });
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function tokenIn(file: string): Promise<string> {
  try {
    const handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TOKEN_BYTES_MAX), 0, TOKEN_BYTES_MAX, 0).finally(() => handle.close());
    const token = buffer.toString("utf8", 0, bytesRead).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new Error(`${file} holds no token`);
    }
    return token;
  } catch (error) {
    throw unreadable("CLAW_VAULT_TOKEN_FILE", error as Error);
  }
}

function unreadable(setting: string, { message }: Error): ClawError {
  return unavailable(`${setting} names a file that can't be used: ${message}`);
}
