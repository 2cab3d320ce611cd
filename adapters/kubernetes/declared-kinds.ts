/** Where the kinds of objects live that are declared of tenants and instances. */
export const declaredKinds: readonly { readonly kind: string; readonly root: string; readonly plural: string }[] = [
  { kind: "Namespace", root: "/api/v1", plural: "namespaces" },
  { kind: "Service", root: "/api/v1", plural: "services" },
  { kind: "Secret", root: "/api/v1", plural: "secrets" },
  { kind: "ServiceAccount", root: "/api/v1", plural: "serviceaccounts" },
  { kind: "PersistentVolumeClaim", root: "/api/v1", plural: "persistentvolumeclaims" },
  { kind: "ResourceQuota", root: "/api/v1", plural: "resourcequotas" },
  { kind: "LimitRange", root: "/api/v1", plural: "limitranges" },
  { kind: "StatefulSet", root: "/apis/apps/v1", plural: "statefulsets" },
  { kind: "PodDisruptionBudget", root: "/apis/policy/v1", plural: "poddisruptionbudgets" },
  { kind: "NetworkPolicy", root: "/apis/networking.k8s.io/v1", plural: "networkpolicies" },
  { kind: "Ingress", root: "/apis/networking.k8s.io/v1", plural: "ingresses" },
  // Where its definition is installed.
  { kind: "HTTPRoute", root: "/apis/gateway.networking.k8s.io/v1", plural: "httproutes" },
  { kind: "Role", root: "/apis/rbac.authorization.k8s.io/v1", plural: "roles" },
  { kind: "RoleBinding", root: "/apis/rbac.authorization.k8s.io/v1", plural: "rolebindings" },
];
