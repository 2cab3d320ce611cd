import { stringify } from "yaml";

const API_VERSION = "clusterclaw.io/v1";

/** What the tour's OpenClaw talks to. */
export interface TourModel {
  readonly provider: string;
  readonly name: string;
  readonly apiKey: string;
  /** Absent: the provider's own. */
  readonly baseUrl?: string;
}

/** A tenant, a config template, one OpenClaw instance and one echo claw. */
export function tourManifests(model: TourModel, memoryLimit: number): string {
  const documents = [
    {
      apiVersion: API_VERSION,
      kind: "Tenant",
      metadata: { name: "acme" },
      spec: {
        quota: { instances: 5, cpu: "8", memory: "16Gi", storage: "100Gi" },
        policies: [{ name: "max-replicas", value: "1" }],
        admins: ["you@example.com"],
      },
    },
    {
      apiVersion: API_VERSION,
      kind: "ConfigTemplate",
      metadata: { name: "assistant", namespace: "acme" },
      spec: {
        description: "An assistant on the team's model",
        adapter: "OpenClawAdapter",
        variables: [
          { name: "model.provider", type: "string", default: model.provider, description: "Model provider" },
          { name: "model.name", type: "string", default: model.name, required: true, description: "Model name" },
          ...(model.baseUrl === undefined
            ? []
            : [{ name: "model.baseUrl", type: "string", default: model.baseUrl, description: "Where the model is served" }]),
          { name: "model.apiKey", type: "string", required: true, secret: true, description: "Model API key" },
          { name: "memory.limit", type: "number", default: 100_000, description: "Memory token limit" },
        ],
      },
    },
    {
      apiVersion: API_VERSION,
      kind: "ClawInstance",
      metadata: { name: "assistant-1", namespace: "acme", labels: { team: "demo" } },
      spec: {
        type: "OpenClaw",
        resources: { cpu: "2", memory: "2Gi" },
        config: {
          template: "assistant",
          overrides: [
            { key: "model.apiKey", value: model.apiKey },
            { key: "memory.limit", value: memoryLimit },
          ],
        },
      },
    },
    {
      apiVersion: API_VERSION,
      kind: "ClawInstance",
      metadata: { name: "echo-1", namespace: "acme", labels: { team: "demo" } },
      spec: { type: "Echo", resources: { cpu: "100m", memory: "64Mi" }, storage: { size: "1Gi" } },
    },
  ];
  return documents.map((document) => stringify(document)).join("---\n");
}
