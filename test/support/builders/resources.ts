import {
  type ClawInstance,
  ClawInstanceSchema,
  type ConfigTemplate,
  ConfigTemplateSchema,
  InstanceSpecSchema,
  type Preview,
  type PreviewItem,
  PreviewSchema,
} from "../../../sdk/contract/index.ts";

const TIME = "2026-01-01T00:00:00.000Z";

function metadata(name: string) {
  return {
    name,
    namespace: "acme",
    labels: {},
    annotations: {},
    uid: `uid-${name}`,
    generation: 1,
    resourceVersion: "1",
    createdAt: TIME,
    updatedAt: TIME,
  };
}

/** A running instance as the API answers it, with what the test cares about on top. */
export function anInstanceAnswer(
  name = "web",
  over: { spec?: Partial<ClawInstance["spec"]>; status?: Partial<ClawInstance["status"]>; generation?: number } = {},
): ClawInstance {
  return ClawInstanceSchema.parse({
    apiVersion: "clusterclaw.io/v1",
    kind: "ClawInstance",
    metadata: { ...metadata(name), project: "default", generation: over.generation ?? 1 },
    spec: { ...InstanceSpecSchema.parse({ type: "Echo" }), ...over.spec },
    status: {
      phase: "Running",
      observedGeneration: over.generation ?? 1,
      readyReplicas: 1,
      lastTransitionTime: TIME,
      conditions: [{ type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: TIME }],
      version: "1.2.3",
      cluster: "local",
      resourcesEnforced: false,
      restarts: 0,
      ...over.status,
    },
  });
}

export function aTemplateAnswer(name = "base"): ConfigTemplate {
  return ConfigTemplateSchema.parse({
    apiVersion: "clusterclaw.io/v1",
    kind: "ConfigTemplate",
    metadata: metadata(name),
    spec: { adapter: "EchoAdapter" },
    status: { publishedVersion: 2, dirty: false, conditions: [] },
  });
}

export function aPreviewItem(over: Partial<PreviewItem> = {}): PreviewItem {
  return {
    kind: "ClawInstance",
    name: "web",
    tenant: "acme",
    op: "create",
    diffs: [],
    effect: "start",
    files: [],
    resources: [],
    problems: [],
    ...over,
  };
}

export function aPreview(over: Partial<Preview> = {}): Preview {
  return PreviewSchema.parse({
    id: "pln_1",
    planId: "pln_1",
    createdAt: TIME,
    expiresAt: "2026-01-01T01:00:00.000Z",
    items: [aPreviewItem()],
    verdicts: [],
    summary: {
      ...{ create: 1, update: 0, replace: 0, delete: 0, same: 0 },
      items: { create: 1, update: 0, delete: 0, same: 0 },
      ...{ boundaries: 0, verdicts: 0, problems: 0 },
    },
    ...over,
  });
}
