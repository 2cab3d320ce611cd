import type { networking } from "@pulumi/kubernetes/types/input.js";
import { type KubernetesTarget, NO_CONTROL_PLANE } from "../../sdk/contract/index.ts";
import { MANAGED_BY } from "./labels.ts";

type PolicySpec = networking.v1.NetworkPolicySpec;

/** Where clouds answer with the machine's credentials: never part of an allowed range. */
const LINK_LOCAL = "169.254.0.0/16";
/** Where a node's own DNS cache listens. */
const NODE_DNS = "169.254.20.10/32";
const EVERYTHING = "0.0.0.0/0";

/**
 * What the pods of a tenant may reach, and what may reach them: nothing, but for DNS, the control plane, and the ranges that were
 * allowed. What an instance shows to others is in a policy of its own.
 */
export function tenantPolicies(args: { readonly networkPolicy: KubernetesTarget["networkPolicy"]; readonly agentUrl: string }) {
  const { controlPlaneCidrs, allowedEgress } = args.networkPolicy;
  const claws = { matchLabels: { "app.kubernetes.io/managed-by": MANAGED_BY } };
  const egress = (podSelector: PolicySpec["podSelector"], rules: networking.v1.NetworkPolicyEgressRule[]): PolicySpec => ({
    podSelector,
    policyTypes: ["Egress"],
    egress: rules,
  });
  const dnsPorts = ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 }));
  return {
    denyAll: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } satisfies PolicySpec,
    allowDns: egress({}, [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
            podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
          },
          { ipBlock: { cidr: NODE_DNS } },
        ],
        ports: dnsPorts,
      },
    ]),
    allowControlPlane: egress(claws, ruleTo(controlPlaneCidrs, agentPorts(args.agentUrl))),
    allowEgress: egress(claws, ruleTo(allowedEgress)),
  };
}

/** No rule for no ranges: one without any would allow everything. */
function ruleTo(cidrs: readonly string[], ports?: networking.v1.NetworkPolicyPort[]): networking.v1.NetworkPolicyEgressRule[] {
  const to = cidrs.toSorted().map((cidr) => ({ ipBlock: { cidr, ...(cidr === EVERYTHING && { except: [LINK_LOCAL] }) } }));
  return to.length === 0 ? [] : [{ to, ...(ports && { ports }) }];
}

function agentPorts(url: string): networking.v1.NetworkPolicyPort[] | undefined {
  if (url === NO_CONTROL_PLANE) {
    return undefined;
  }
  const { port, protocol } = new URL(url);
  return [{ protocol: "TCP", port: port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port) }];
}
