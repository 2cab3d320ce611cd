import { ClawError, type ClusterInput, SECRET_MASK } from "../../../sdk/contract/index.ts";
import { type Actor, mayUseHost } from "../../domain/access/actor.ts";
import type { SealedClusterSpec } from "../../domain/clusters/cluster.ts";
import { hostUses, type Kubeconfig, KubeconfigError, parseKubeconfig } from "../../domain/clusters/kubeconfig.ts";
import { type Sealed, sealedPlaces } from "../../domain/sealed.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import { invalid } from "../resources/refusals.ts";
import { sealGiven } from "../secrets/seal-config.ts";

/**
 * A cluster's specification at rest. @throws {ClawError} `request.invalid` for what is no kubeconfig, or a mask of nothing, `auth.forbidden` for one that
 * names what is the host's own, by an actor who may not
 */
export function sealCredentials(
  actor: Actor,
  spec: ClusterInput["spec"],
  former: SealedClusterSpec | undefined,
  cipher: SecretCipher,
): SealedClusterSpec {
  const { credentials } = spec;
  if (credentials.source === "inCluster") {
    return { ...spec, credentials };
  }
  assertKubeconfig(actor, credentials.kubeconfig);
  const known = former?.credentials.source === "kubeconfig" ? former.credentials.kubeconfig : undefined;
  const path = ["spec", "credentials", "kubeconfig"];
  const sealing = { isSecret: () => true, former: sealedPlaces(known, path), cipher };
  // A plan's manifest holds it sealed already.
  const kubeconfig = sealGiven(credentials.kubeconfig, sealing, path, path.join(".")) as unknown as Sealed;
  return { ...spec, credentials: { ...credentials, kubeconfig } };
}

/** @throws {ClawError} `request.invalid`, saying nothing of what it holds; `auth.forbidden` */
function assertKubeconfig(actor: Actor, given: unknown): void {
  if (typeof given !== "string" || given === SECRET_MASK) {
    return;
  }
  const named = hostUses(parsed(given));
  const [first, ...others] = mayUseHost(actor) ? [] : named;
  if (first !== undefined) {
    const path = "spec.credentials.kubeconfig";
    const more = others.length > 0 ? `, as ${others.length} more of it do` : "";
    const message = `its ${first} names what is the control plane's host's own${more}, which takes the permission 'host.use'`;
    const fix = "give certificates and tokens as text, as 'kubectl config view --raw --flatten' does, and an address beyond the host";
    throw new ClawError("auth.forbidden", `${path}: ${message}; ${fix}`, { issues: [{ path, message, fix }] });
  }
}

function parsed(given: string): Kubeconfig {
  try {
    return parseKubeconfig(given);
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
