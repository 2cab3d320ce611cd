import { ConditionReason, type SecretSource } from "../../../sdk/contract/index.ts";
import { namespaceOf } from "../../domain/clusters/cluster.ts";
import { ClusterError } from "../ports/clusters/clusters.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { Given, HostSecrets, SecretSources, VaultSecrets } from "../ports/secrets/secret-sources.ts";
import type { Transactions } from "../ports/transactions.ts";

interface SourceDependencies {
  readonly transactions: Transactions;
  readonly runtimes: Runtimes;
  readonly host: HostSecrets;
  /** Undefined where the settings name no Vault. */
  readonly vault: VaultSecrets | undefined;
}

/** The places where secrets may be kept. */
export function createSecretSources({ transactions, runtimes, host, vault }: SourceDependencies): SecretSources {
  const inCluster = async (
    { kubernetes: { cluster: at, name, key } }: Extract<SecretSource, { kubernetes: unknown }>,
    tenant: string,
  ): Promise<Given> => {
    const cluster = await transactions.platform((tx) => tx.clusters.find(at));
    if (!cluster) {
      return { reason: ConditionReason.SourceMissing, message: `there is no cluster '${at}' any more` };
    }
    const place = `${namespaceOf(cluster.spec, tenant)}/${name} of cluster '${at}'`;
    try {
      const value = await runtimes.at(at).connect(cluster)?.secret(namespaceOf(cluster.spec, tenant), name, key);
      return value === undefined
        ? { reason: ConditionReason.SourceMissing, message: `there is no Secret ${place} with the key '${key}'` }
        : { value };
    } catch (error) {
      if (!(error instanceof ClusterError)) {
        throw error;
      }
      const isRefused = error.reason === "Forbidden" || error.reason === "Unauthorized";
      const reason = isRefused ? ConditionReason.SourceForbidden : ConditionReason.SourceUnreachable;
      return { reason, message: `the Secret ${place} can't be read: ${error.reason}` };
    }
  };
  return {
    whyNot: (source) =>
      "vault" in source && !vault
        ? "no Vault is set up for secrets here: CLAW_VAULT_ADDR, CLAW_VAULT_TOKEN_FILE and CLAW_VAULT_SECRETS"
        : undefined,
    async read(source, tenant) {
      if ("env" in source) {
        return host.env(source.env);
      }
      if ("file" in source) {
        return host.file(source.file);
      }
      if ("kubernetes" in source) {
        return inCluster(source, tenant);
      }
      return (
        vault?.read(tenant, source.vault.path, source.vault.field) ?? {
          reason: ConditionReason.SourceUnreachable,
          message: "no Vault is set up for secrets here any more",
        }
      );
    },
  };
}
