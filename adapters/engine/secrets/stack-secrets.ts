import { readFile } from "node:fs/promises";
import type { SecretsProvider } from "../contract/checkpoint.ts";
import type { SecretsManager } from "../operation.ts";
import { createEnvelope, type KeyWrapper, openEnvelope } from "./envelope.ts";
import { createPassphrase, openPassphrase } from "./passphrase.ts";

/** Environment of one command: what the workspace sets, with the process's own beneath it. */
export type CommandEnvironment = Readonly<Record<string, string | undefined>>;

export interface StackSecrets extends SecretsManager {
  readonly provider: SecretsProvider;
}

/** Makes and opens the secrets managers of stacks; without a key wrapper only the passphrase form is there. */
export class SecretsOpener {
  readonly #wrapper: KeyWrapper | undefined;

  constructor(wrapper?: KeyWrapper) {
    this.#wrapper = wrapper;
  }

  /** `type` is the `--secrets-provider` of `stack init`. @default `envelope` with a key wrapper, else `passphrase` */
  async create(type: string | undefined, env: CommandEnvironment): Promise<StackSecrets> {
    const wanted = type === undefined || type === "default" ? (this.#wrapper ? "envelope" : "passphrase") : type;
    if (wanted === "passphrase") {
      const { salt, cipher } = await createPassphrase(await passphraseOf(env));
      return { provider: { type: wanted, state: { salt } }, ...cipher };
    }
    if (wanted === "envelope" && this.#wrapper) {
      const { wrappedKey, cipher } = await createEnvelope(this.#wrapper);
      return { provider: { type: wanted, state: { wrappedKey } }, ...cipher };
    }
    throw new Error(`unknown secrets provider '${wanted}'; this engine has ${this.#known()}`);
  }

  /** @throws when the passphrase is missing or wrong, or the wrapping key is not this service's. */
  async open(provider: SecretsProvider, env: CommandEnvironment): Promise<StackSecrets> {
    const { salt, wrappedKey } = provider.state ?? {};
    if (provider.type === "passphrase" && typeof salt === "string") {
      return { provider, ...(await openPassphrase(await passphraseOf(env), salt)) };
    }
    if (provider.type === "envelope" && typeof wrappedKey === "string" && this.#wrapper) {
      return { provider, ...(await openEnvelope(this.#wrapper, wrappedKey)) };
    }
    throw new Error(`no known secrets provider for type "${provider.type}"; this engine has ${this.#known()}`);
  }

  #known(): string {
    return this.#wrapper ? "'passphrase' and 'envelope'" : "'passphrase'";
  }
}

async function passphraseOf(env: CommandEnvironment): Promise<string> {
  const passphrase = env["PULUMI_CONFIG_PASSPHRASE"];
  if (passphrase !== undefined) {
    return passphrase;
  }
  const file = env["PULUMI_CONFIG_PASSPHRASE_FILE"];
  if (file) {
    return (await readFile(file, "utf8")).trim();
  }
  throw new Error("passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables");
}
