import { SharedVolume, TenantBoundary } from "open-cluster-claw/components";

const boundary = new TenantBoundary("acme", {
  tenant: "acme",
  namespace: "claw-acme",
  quota: { instances: 10, cpu: "20", memory: "40Gi" },
  networkPolicy: { enabled: true, controlPlaneCidrs: [], allowedEgress: ["10.0.0.0/8"] },
  agentUrl: "wss://claw.example.com/agent/v1",
});
const knowledge = new SharedVolume("knowledge", { tenant: "acme", namespace: boundary.namespace, size: "50Gi" });

export const namespace = boundary.namespace;
export const claim = knowledge.claim;
