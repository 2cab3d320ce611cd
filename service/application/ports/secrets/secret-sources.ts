import type { SecretSource } from "../../../../sdk/contract/index.ts";
import type { SourceFailure } from "../../../domain/secrets/secret.ts";

/** What a source gave, or why it gave nothing. */
export type Given = { readonly value: string } | SourceFailure;

/** What the control plane's own process and host hold. */
export interface HostSecrets {
  env(name: string): Given;
  file(path: string): Promise<Given>;
}

/** HashiCorp Vault, or OpenBao. It does not throw for what is not there, or can't be had. */
export interface VaultSecrets {
  /** @param path below the tenant's folder */
  read(tenant: string, path: string, field: string): Promise<Given>;
}

/** Where secrets are kept by others. */
export interface SecretSources {
  /** Why such a source can't be had here, whatever it holds: what is not set up. */
  whyNot(source: SecretSource): string | undefined;
  /**
   * Reads one, which may take seconds: never in a transaction. It does not throw for what a source has not, or does not say.
   * @param tenant whose it is: each has its own folder and namespace
   */
  read(source: SecretSource, tenant: string): Promise<Given>;
}
