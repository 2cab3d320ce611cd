import type { CheckFailure } from "../../engine/contract/provider.ts";
import type { PropertyMap, PropertyValue } from "../../engine/contract/values.ts";

/** The settings of Pulumi's Kubernetes provider that this one has too. */
export interface ProviderConfig {
  /** A path, or the content itself. */
  readonly kubeconfig: string;
  readonly context: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly deleteUnreachable: boolean;
  readonly skipUpdateUnreachable: boolean;
  readonly enablePatchForce: boolean;
  readonly upsertExistingObjects: boolean;
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
}

const texts = ["kubeconfig", "context", "cluster", "namespace", "clusterIdentifier"];
const flags: Readonly<Record<string, string>> = {
  deleteUnreachable: "PULUMI_K8S_DELETE_UNREACHABLE",
  skipUpdateUnreachable: "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
  enablePatchForce: "PULUMI_K8S_ENABLE_PATCH_FORCE",
  upsertExistingObjects: "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
  enableConfigMapMutable: "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
  enableSecretMutable: "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
};
/** Taken, and nothing to do: their default is all there is here, or they concern what is never shown. */
const inert = ["suppressDeprecationWarnings", "suppressHelmHookWarnings", "kubeClientSettings", "strictMode"];
const cliOnly = ["renderYamlToDirectory", "alwaysRender", "helmReleaseSettings"];

export function checkProviderConfig(properties: PropertyMap): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const [property, value] of Object.entries(properties)) {
    const isSet = value !== null && value !== "";
    if (property === "enableServerSideApply") {
      if (isSet && String(value) !== "true") {
        failures.push({ property, reason: "the embedded engine's Kubernetes provider always applies on the server's side" });
      }
    } else if (cliOnly.includes(property)) {
      if (isSet && value !== "false" && value !== false) {
        failures.push({ property, reason: "needs the Pulumi CLI's Kubernetes provider" });
      }
    } else if (property in flags) {
      if (isSet && !/^(true|false)$/.test(String(value))) {
        failures.push({ property, reason: `must be true or false, not ${JSON.stringify(value)}` });
      }
    } else if (![...texts, ...inert, "version"].includes(property)) {
      const known = [...texts, ...Object.keys(flags), "enableServerSideApply"].join(", ");
      failures.push({ property, reason: `the Kubernetes provider has no setting '${property}'; it has ${known}` });
    }
  }
  return failures;
}

export function parseProviderConfig(properties: PropertyMap, env: NodeJS.ProcessEnv): ProviderConfig {
  const flag = (name: string) => String(present(properties[name]) ?? env[flags[name] ?? ""] ?? "") === "true";
  const text = (name: string) => {
    const value = present(properties[name]);
    return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  };
  return {
    kubeconfig: text("kubeconfig"),
    context: text("context"),
    cluster: text("cluster"),
    namespace: text("namespace"),
    deleteUnreachable: flag("deleteUnreachable"),
    skipUpdateUnreachable: flag("skipUpdateUnreachable"),
    enablePatchForce: flag("enablePatchForce"),
    upsertExistingObjects: flag("upsertExistingObjects"),
    enableConfigMapMutable: flag("enableConfigMapMutable"),
    enableSecretMutable: flag("enableSecretMutable"),
  };
}

function present(value: PropertyValue | undefined): PropertyValue | undefined {
  return value === null || value === "" ? undefined : value;
}
