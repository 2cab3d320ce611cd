import { z } from "zod";
import type { KeyProvider, WrappedKey } from "../../service/application/ports/secrets/key-provider.ts";
import { type Circuit, CircuitBreaker } from "../../service/domain/circuit-breaker.ts";
import { Away, exchange, jsonOf, unavailable, type VaultAccess, whyRefused } from "./vault-exchange.ts";

/** Where the key-encryption key is: HashiCorp Vault's transit engine, or OpenBao's, which is the same. */
export interface VaultSettings extends VaultAccess {
  /** Where the engine is mounted, and the key's name there. */
  readonly mount: string;
  readonly key: string;
}

const CIPHERTEXT = /^vault:v([1-9]\d{0,8}):[\w+/=-]{1,2048}$/;
const StateSchema = z.object({ data: z.object({ latest_version: z.int().positive() }) });
const CiphertextSchema = z.object({ data: z.object({ ciphertext: z.string().regex(CIPHERTEXT) }) });
const PlaintextSchema = z.object({ data: z.object({ plaintext: z.base64().max(1024) }) });

/** Wraps by a key that never leaves Vault. */
export class VaultKeyProvider implements KeyProvider {
  readonly name = "vault";
  readonly #settings: VaultSettings;
  readonly #breaker: CircuitBreaker;

  constructor(settings: VaultSettings) {
    this.#settings = settings;
    this.#breaker = new CircuitBreaker({ dependency: () => `Vault at ${settings.address}`, isFailure: (error) => error instanceof Away });
  }

  get circuit(): Circuit {
    return this.#breaker.circuit;
  }

  async current(): Promise<string> {
    const { data } = await this.#ask("GET", "keys", undefined, StateSchema);
    return this.#nameOf(data.latest_version);
  }

  async wrap(key: Uint8Array): Promise<WrappedKey> {
    return this.#wrapped("encrypt", { plaintext: Buffer.from(key).toString("base64") });
  }

  async unwrap({ wrappedBy, wrapped }: WrappedKey): Promise<Uint8Array> {
    this.#assertOurs(wrappedBy);
    const { data } = await this.#ask("POST", "decrypt", { ciphertext: wrapped }, PlaintextSchema);
    return new Uint8Array(Buffer.from(data.plaintext, "base64"));
  }

  async rewrap({ wrappedBy, wrapped }: WrappedKey): Promise<WrappedKey> {
    this.#assertOurs(wrappedBy);
    return this.#wrapped("rewrap", { ciphertext: wrapped });
  }

  async rotate(): Promise<void> {
    await this.#ask("POST", "rotate", {}, z.unknown());
  }

  /** Vault keeps the versions; which of them may still open what they wrapped is said there (`min_decryption_version`). */
  async forget(): Promise<void> {}

  async #wrapped(path: "encrypt" | "rewrap", body: object): Promise<WrappedKey> {
    const { data } = await this.#ask("POST", path, body, CiphertextSchema);
    return { wrapped: data.ciphertext, wrappedBy: this.#nameOf(Number(CIPHERTEXT.exec(data.ciphertext)?.[1])) };
  }

  #nameOf(version: number): string {
    const { mount, key } = this.#settings;
    return `vault:${mount}/${key}:v${version}`;
  }

  #assertOurs(wrappedBy: string): void {
    const { mount, key } = this.#settings;
    if (!wrappedBy.startsWith(`vault:${mount}/${key}:v`)) {
      throw unavailable(
        `the data key is wrapped by '${wrappedBy}', and CLAW_VAULT_KEY is '${mount}/${key}': set what it was, or give the former master key`,
      );
    }
  }

  async #ask<T>(method: "GET" | "POST", what: string, body: object | undefined, schema: z.ZodType<T>): Promise<T> {
    const { mount, key, address } = this.#settings;
    const path = what === "rotate" ? `${mount}/keys/${key}/rotate` : `${mount}/${what}/${key}`;
    try {
      return await this.#breaker.run(async () => {
        const { status, text } = await exchange(this.#settings, method, `/v1/${path}`, body);
        if (status >= 200 && status < 300) {
          return answerOf(text, schema, address);
        }
        throw refusal(status, text, path, this.#settings);
      });
    } catch (error) {
      throw error instanceof Away ? unavailable(`Vault at ${address} ${error.message}`, error) : error;
    }
  }
}

function answerOf<T>(text: string, schema: z.ZodType<T>, address: string): T {
  const answer = schema.safeParse(jsonOf(text));
  if (!answer.success) {
    // Not what it said: a key may be in it.
    throw unavailable(`what answers at ${address} is no transit engine of Vault: correct CLAW_VAULT_ADDR`);
  }
  return answer.data;
}

/** What Vault says no with, and what to do about it. */
function refusal(status: number, text: string, path: string, { mount, key, tokenFile }: VaultSettings): Error {
  const why = whyRefused(status, text);
  if (status >= 500 || status === 429) {
    return new Away(`does not serve (${why}): unseal it, or wait`);
  }
  if (status === 403) {
    return unavailable(
      `Vault does not let the token of ${tokenFile} use ${path} (${why}): renew it, or give it the policy of docs/guides/keys.md`,
    );
  }
  if (status === 404) {
    return unavailable(`Vault has no ${path} (${why}): make the key, 'vault write -f ${mount}/keys/${key}', or correct CLAW_VAULT_KEY`);
  }
  return unavailable(`Vault refuses ${path} (${why})`);
}
