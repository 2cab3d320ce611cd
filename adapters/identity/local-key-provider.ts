import { hkdfSync } from "node:crypto";
import { ClawError } from "../../sdk/contract/index.ts";
import type { KeyProvider, WrappedKey } from "../../service/application/ports/secrets/key-provider.ts";
import { SecretCipherAes } from "./cipher.ts";
import { addMasterKey, findMasterKeys, keepMasterKeys, loadMasterKeys, masterKeyFile } from "./master-key.ts";

const NAME = "local:";
const KEY_BYTES = 32;

/** What wraps is not what sealed secrets before there were data keys: none can be taken for the other. */
function wrappingKeyOf(masterKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", masterKey, "", "claw key wrapping", KEY_BYTES));
}

function idOf(masterKey: Uint8Array): string {
  return `${NAME}${new SecretCipherAes(wrappingKeyOf(masterKey)).keyId}`;
}

/** Whether a key was wrapped by a master key of the service's own. */
export function isLocal({ wrappedBy }: Pick<WrappedKey, "wrappedBy">): boolean {
  return wrappedBy.startsWith(NAME);
}

/** Wraps by master keys that this process holds. A key is wrapped as a secret is sealed: AES-256-GCM, with the key's id in it. */
abstract class LocalKeyProvider {
  /** As they are now: the newest first, which wraps. None before the first is made. */
  abstract masterKeys(): Promise<readonly Uint8Array[]>;
  /** What to do for who has another one. */
  protected abstract readonly fix: string;

  async current(): Promise<string> {
    return `${NAME}${cipherOf(await this.wrapping()).keyId}`;
  }

  /** The same, and the first is made where there is none. */
  protected wrapping(): Promise<readonly Uint8Array[]> {
    return this.masterKeys();
  }

  async wrap(key: Uint8Array): Promise<WrappedKey> {
    const cipher = cipherOf(await this.wrapping());
    return { wrappedBy: `${NAME}${cipher.keyId}`, wrapped: cipher.encrypt(Buffer.from(key).toString("base64")) };
  }

  async unwrap({ wrappedBy, wrapped }: WrappedKey): Promise<Uint8Array> {
    const masterKeys = await this.masterKeys();
    if (!masterKeys.some((masterKey) => idOf(masterKey) === wrappedBy)) {
      throw new ClawError("service.unavailable", `the data keys of this database are wrapped by '${wrappedBy}', ${this.fix}`);
    }
    return new Uint8Array(Buffer.from(cipherOf(masterKeys).decrypt(wrapped), "base64"));
  }

  async rewrap(wrapped: WrappedKey): Promise<WrappedKey> {
    return this.wrap(await this.unwrap(wrapped));
  }
}

function cipherOf(masterKeys: readonly Uint8Array[]): SecretCipherAes {
  const [current = new Uint8Array(), ...former] = masterKeys.map(wrappingKeyOf);
  return new SecretCipherAes(current, former);
}

/** Master keys of the environment: `CLAW_MASTER_KEY` wraps, those of `CLAW_MASTER_KEY_FORMER` open what they wrapped. */
export class EnvKeyProvider extends LocalKeyProvider implements KeyProvider {
  readonly name = "env";
  protected readonly fix = "and the master key of CLAW_MASTER_KEY is another one; give that one in CLAW_MASTER_KEY_FORMER";
  readonly #masterKeys: readonly Uint8Array[];

  constructor(masterKeys: readonly Uint8Array[]) {
    super();
    this.#masterKeys = masterKeys;
  }

  async masterKeys(): Promise<readonly Uint8Array[]> {
    return this.#masterKeys;
  }

  async rotate(): Promise<void> {
    const message = "all is wrapped by CLAW_MASTER_KEY: set a new one there and the former in CLAW_MASTER_KEY_FORMER, and rotate again";
    throw new ClawError("service.unavailable", message);
  }

  async forget(): Promise<void> {}
}

/** Master keys of the data folder's `master.key`, a line each, beside those that the environment says were former ones. */
export class FileKeyProvider extends LocalKeyProvider implements KeyProvider {
  readonly name = "file";
  protected readonly fix: string;
  readonly #dataDir: string;
  readonly #former: readonly Uint8Array[];

  constructor(dataDir: string, former: readonly Uint8Array[]) {
    super();
    this.fix = `which is not in ${masterKeyFile(dataDir)}: set CLAW_DATA_DIR to the data folder that goes with this database, put its master.key there, or give that key in CLAW_MASTER_KEY_FORMER`;
    this.#dataDir = dataDir;
    this.#former = former;
  }

  /** Read each time: another rotation may have ended meanwhile. */
  async masterKeys(): Promise<readonly Uint8Array[]> {
    return [...((await findMasterKeys(this.#dataDir)) ?? []), ...this.#former];
  }

  protected override async wrapping(): Promise<readonly Uint8Array[]> {
    return [...(await loadMasterKeys(this.#dataDir)), ...this.#former];
  }

  async rotate(): Promise<void> {
    await addMasterKey(this.#dataDir);
  }

  async forget(inUse: readonly string[]): Promise<void> {
    await keepMasterKeys(this.#dataDir, (masterKey, index) => index === 0 || inUse.includes(idOf(masterKey)));
  }
}
