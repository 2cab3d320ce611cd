import { type ClusterInput, SECRET_MASK } from "../../../sdk/contract/index.ts";
import type { SealedClusterSpec } from "../../domain/clusters/cluster.ts";
import { KubeconfigError, parseKubeconfig } from "../../domain/clusters/kubeconfig.ts";
import { type Sealed, sealedPlaces } from "../../domain/sealed.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import { invalid } from "../resources/refusals.ts";
import { sealGiven } from "../secrets/seal-config.ts";

/** A cluster's specification at rest. @throws {ClawError} `request.invalid` for what is no kubeconfig, or a mask of nothing */
export function sealCredentials(
  spec: ClusterInput["spec"],
  former: SealedClusterSpec | undefined,
  cipher: SecretCipher,
): SealedClusterSpec {
  const { credentials } = spec;
  if (credentials.source === "inCluster") {
    return { ...spec, credentials };
  }
  assertKubeconfig(credentials.kubeconfig);
  const known = former?.credentials.source === "kubeconfig" ? former.credentials.kubeconfig : undefined;
  const path = ["spec", "credentials", "kubeconfig"];
  const sealing = { isSecret: () => true, former: sealedPlaces(known, path), cipher };
  // A plan's manifest holds it sealed already.
  const kubeconfig = sealGiven(credentials.kubeconfig, sealing, path, path.join(".")) as unknown as Sealed;
  return { ...spec, credentials: { ...credentials, kubeconfig } };
}

/** @throws {ClawError} `request.invalid`, saying nothing of what it holds */
function assertKubeconfig(given: unknown): void {
  if (typeof given !== "string" || given === SECRET_MASK) {
    return;
  }
  try {
    parseKubeconfig(given);
  } catch (error) {
    if (error instanceof KubeconfigError) {
      throw invalid(
        "spec.credentials.kubeconfig",
        error.message,
        "give the text of a kubeconfig, such as 'kubectl config view --raw' prints it",
      );
    }
    throw error;
  }
}
