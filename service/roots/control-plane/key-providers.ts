import { EnvKeyProvider, FileKeyProvider, isLocal } from "../../../adapters/identity/local-key-provider.ts";
import { VaultKeyProvider } from "../../../adapters/identity/vault-key-provider.ts";
import type { KeyProvider, WrappedKey } from "../../application/ports/secrets/key-provider.ts";
import type { Environment } from "../../config/environment.ts";
import type { Circuit } from "../../domain/circuit-breaker.ts";
import type { Tallies } from "../../domain/tallies.ts";

export interface Keys {
  readonly provider: KeyProvider;
  /** What sealed secrets before there were data keys, and what secrets are derived from: asked for once there is one. */
  masterKeys(): Promise<readonly Uint8Array[]>;
  circuits(): readonly Circuit[];
}

/** Whoever has the key-encryption keys by these settings. */
export function openKeyProvider({ masterKey, formerMasterKeys, dataDir, vault }: Environment, tallies?: Tallies): Keys {
  const own = masterKey ? new EnvKeyProvider([masterKey, ...formerMasterKeys]) : new FileKeyProvider(dataDir, formerMasterKeys);
  const there = vault && new VaultKeyProvider(vault);
  const provider = there ? movedTo(there, own) : own;
  return {
    provider: tallies ? counted(provider, tallies) : provider,
    masterKeys: () => own.masterKeys(),
    circuits: () => (there ? [there.circuit] : []),
  };
}

function counted(provider: KeyProvider, tallies: Tallies): KeyProvider {
  const count = async <T>(operation: string, asked: Promise<T>): Promise<T> => {
    const tell = (result: string) => tallies.count("claw_key_operations_total", { operation, result });
    asked.then(
      () => tell("ok"),
      () => tell("failed"),
    );
    return asked;
  };
  return {
    name: provider.name,
    current: () => provider.current(),
    wrap: (key) => count("wrap", provider.wrap(key)),
    unwrap: (wrapped) => count("unwrap", provider.unwrap(wrapped)),
    rewrap: (wrapped) => count("rewrap", provider.rewrap(wrapped)),
    rotate: () => count("rotate", provider.rotate()),
    forget: (inUse) => provider.forget(inUse),
  };
}

/** Wraps there, and opens what the service's own master key has wrapped before: so the next start moves it. */
function movedTo(there: KeyProvider, own: KeyProvider): KeyProvider {
  return {
    name: there.name,
    current: () => there.current(),
    wrap: (key) => there.wrap(key),
    unwrap: (wrapped) => (isLocal(wrapped) ? own : there).unwrap(wrapped),
    rewrap: async (wrapped: WrappedKey) => (isLocal(wrapped) ? there.wrap(await own.unwrap(wrapped)) : there.rewrap(wrapped)),
    rotate: () => there.rotate(),
    forget: (inUse) => there.forget(inUse),
  };
}
