import { EnvKeyProvider, FileKeyProvider } from "../../../adapters/identity/local-key-provider.ts";
import type { KeyProvider } from "../../application/ports/secrets/key-provider.ts";
import type { Environment } from "../../config/environment.ts";

/** Whoever has the key-encryption keys by these settings, and the master keys that sealed secrets before there were data keys. */
export async function openKeyProvider({
  masterKey,
  formerMasterKeys,
  dataDir,
}: Environment): Promise<{ readonly provider: KeyProvider; readonly masterKeys: readonly Uint8Array[] }> {
  const provider = masterKey ? new EnvKeyProvider([masterKey, ...formerMasterKeys]) : new FileKeyProvider(dataDir, formerMasterKeys);
  return { provider, masterKeys: await provider.masterKeys() };
}
