import { z } from "zod";
import { ClawError, ConditionReason, SECRET_BYTES_MAX } from "../../sdk/contract/index.ts";
import type { Given, VaultSecrets } from "../../service/application/ports/secrets/secret-sources.ts";
import { type Circuit, CircuitBreaker } from "../../service/domain/circuit-breaker.ts";
import { Away, exchange, jsonOf, type VaultAccess, whyRefused } from "./vault-exchange.ts";

const SecretSchema = z.object({ data: z.object({ data: z.record(z.string(), z.unknown()) }) });

/** Reads secrets of Vault's KV engine, version 2. */
export class VaultKv implements VaultSecrets {
  readonly #access: VaultAccess;
  /** `secret/data/claw` */
  readonly #folder: string;
  readonly #breaker: CircuitBreaker;

  /** @param folder the engine's path, `data`, and the folder in which each tenant has one of its name */
  constructor(access: VaultAccess, folder: string) {
    this.#access = access;
    this.#folder = folder;
    const dependency = () => `Vault's secrets at ${access.address}`;
    this.#breaker = new CircuitBreaker({ dependency, isFailure: (error) => error instanceof Away });
  }

  get circuit(): Circuit {
    return this.#breaker.circuit;
  }

  async read(tenant: string, path: string, field: string): Promise<Given> {
    const place = `${this.#folder}/${tenant}/${path}`;
    try {
      const { status, text } = await this.#breaker.run(async () => {
        const answer = await exchange(this.#access, "GET", `/v1/${place}`);
        if (answer.status >= 500 || answer.status === 429) {
          throw new Away(`does not serve (${whyRefused(answer.status, answer.text)})`);
        }
        return answer;
      });
      if (status === 404) {
        return { reason: ConditionReason.SourceMissing, message: `Vault has nothing at ${place}` };
      }
      if (status !== 200) {
        return { reason: ConditionReason.SourceForbidden, message: `Vault refuses ${place} (${whyRefused(status, text)})` };
      }
      const answer = SecretSchema.safeParse(jsonOf(text));
      const value = answer.success ? answer.data.data.data[field] : undefined;
      if (typeof value !== "string" || value === "") {
        return { reason: ConditionReason.SourceMissing, message: `what Vault has at ${place} has no text in its field '${field}'` };
      }
      return value.length > SECRET_BYTES_MAX
        ? { reason: ConditionReason.SourceMissing, message: `the field '${field}' at ${place} is longer than ${SECRET_BYTES_MAX} bytes` }
        : { value };
    } catch (error) {
      if (!(error instanceof Away || error instanceof ClawError)) {
        throw error;
      }
      const message = error instanceof Away ? `Vault at ${this.#access.address} ${error.message}` : error.message;
      return { reason: ConditionReason.SourceUnreachable, message };
    }
  }
}
