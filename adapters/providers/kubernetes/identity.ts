import { type KubeObject, nameOf, namespaceOf } from "../../kubernetes/client/objects.ts";

/** The resource id, as Pulumi's provider writes it: `namespace/name`, or the name alone. */
export function idOf(object: KubeObject): string {
  const namespace = namespaceOf(object);
  return namespace === "" ? nameOf(object) : `${namespace}/${nameOf(object)}`;
}

export function parseId(id: string): { namespace: string; name: string } {
  const [first = "", second] = id.split("/");
  return second === undefined ? { namespace: "", name: first } : { namespace: first, name: second };
}

/** What a type token such as `kubernetes:apps/v1:DeploymentPatch` stands for. */
export function parseType(type: string): { apiVersion: string; kind: string; isPatch: boolean } {
  const [, groupVersion = "", token = ""] = type.split(":");
  const [group = "", version = ""] = groupVersion.split("/");
  if (version === "" || token === "" || group === "helm.sh") {
    throw new Error(`the embedded engine's Kubernetes provider has no resource type '${type}': the Pulumi CLI's has it`);
  }
  // Pulumi's SDK has these beside the built-in kinds; a custom kind may be called so.
  const isBuiltIn = !group.includes(".") || group.endsWith(".k8s.io");
  if (isBuiltIn && token.endsWith("List")) {
    throw new Error(
      "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be created directly. " +
        "Use the underlying resource type instead",
    );
  }
  const isPatch = isBuiltIn && token.endsWith("Patch");
  return { apiVersion: group === "core" ? version : groupVersion, kind: isPatch ? token.slice(0, -"Patch".length) : token, isPatch };
}
