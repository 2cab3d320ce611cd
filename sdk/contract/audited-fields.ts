import type { ManifestKind, ManifestOf } from "./kinds.ts";

/** What the audit log says of a field that changes: before and after; nothing; or that it changed, and not from what to what. */
export type AuditRule = "track" | "ignore" | "secret";

/** Rules of fields, or of fields of fields; of a list, those of its items. */
export type AuditRules = AuditRule | { readonly [field: string]: AuditRules };

type Scalar = string | number | boolean | null;
type KeysOf<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;

/** A rule for each field of `T`. What has no fields of its own, or any, has one rule. */
type Audited<T> = unknown extends T
  ? AuditRule
  : [Extract<T, Scalar>] extends [never]
    ? [T] extends [readonly (infer Item)[]]
      ? Audited<Item>
      : string extends KeysOf<T>
        ? AuditRule
        : { readonly [K in KeysOf<T> & string]: Audited<NonNullable<ValueOf<T, K>>> }
    : AuditRule;

const PROBE = { path: "track", expect: "track", periodSeconds: "track", failureThreshold: "track" } as const;
const PROBES = { startup: PROBE, readiness: PROBE, liveness: PROBE } as const;

/**
 * The fields of every kind of resource, as the audit log has them. A field that is new does not compile until it is in here. What is sealed at rest is
 * masked by any rule.
 */
export const auditedFields: { readonly [K in ManifestKind]: Audited<ManifestOf<K>["spec"]> } = {
  Cluster: {
    displayName: "track",
    credentials: { source: "track", kubeconfig: "secret", context: "track" },
    unschedulable: "track",
    taints: { key: "track", value: "track" },
    capacity: { instances: "track", cpu: "track", memory: "track" },
    crds: "track",
    agentUrl: "track",
    images: { agent: "track", claws: "track", pullPolicy: "track", pullSecrets: "track" },
    storageClass: "track",
    priorityClass: "track",
    networkPolicy: { enabled: "track", controlPlaneCidrs: "track", allowedEgress: "track" },
    ingress: { className: "track", host: "track", tlsSecret: "track" },
    gateway: { name: "track", namespace: "track", host: "track" },
    evictable: "track",
    namespacePrefix: "track",
  },
  Tenant: {
    displayName: "track",
    quota: { instances: "track", cpu: "track", memory: "track", storage: "track" },
    policies: { name: "track", value: "track" },
    admins: "track",
    allowLocal: "track",
    consoles: { record: "track", idleMinutes: "track" },
    auditRetentionDays: "track",
    placement: { cluster: "track", selector: "track", tolerations: { key: "track", value: "track" } },
  },
  Project: {
    displayName: "track",
    quota: { instances: "track", cpu: "track", memory: "track", storage: "track" },
  },
  ServiceAccount: { description: "track" },
  Role: { description: "track", permissions: "track" },
  RoleBinding: { role: "track", subjects: { kind: "track", name: "track", namespace: "track" }, at: "track" },
  Policy: {
    description: "track",
    mode: "track",
    at: "track",
    match: { labels: "track", tenants: "track" },
    rule: { name: "track", value: "track" },
    expression: "track",
    message: "track",
  },
  ClawType: {
    description: "track",
    version: "track",
    image: "track",
    software: { source: "track", package: "track", files: { path: "track", content: "track" } },
    command: "track",
    env: "secret",
    config: { path: "track", format: "track", template: "track" },
    variables: {
      name: "track",
      type: "track",
      default: "track",
      required: "track",
      secret: "track",
      description: "track",
      env: "track",
      platform: "track",
    },
    reload: "track",
    restartSignal: "track",
    portSpan: "track",
    probes: PROBES,
    startup: { timeoutSeconds: "track", heavy: "track" },
    stop: { signal: "track", graceSeconds: "track" },
    exitCodes: "track",
    chat: { protocol: "track", path: "track", model: "track", tokenEnv: "track" },
    console: "track",
  },
  Secret: {
    description: "track",
    value: "secret",
    source: {
      env: "track",
      file: "track",
      vault: { path: "track", field: "track" },
      kubernetes: { cluster: "track", name: "track", key: "track" },
    },
    refreshSeconds: "track",
  },
  ConfigTemplate: {
    description: "track",
    extends: "track",
    groups: { name: "track", title: "track", description: "track" },
    variables: {
      name: "track",
      type: "track",
      default: "track",
      required: "track",
      secret: "track",
      description: "track",
      enum: "track",
      pattern: "track",
      minLength: "track",
      maxLength: "track",
      minimum: "track",
      maximum: "track",
      items: "track",
      minItems: "track",
      maxItems: "track",
      message: "track",
      merge: "track",
      group: "track",
    },
    adapter: "track",
    version: "track",
    base: "track",
  },
  ConfigValues: {
    description: "track",
    at: "track",
    values: { key: "track", value: "track", secret: "track", locked: "track" },
  },
  Rollout: {
    description: "track",
    change: { config: { template: "track", version: "track" }, software: { type: "track", version: "track" } },
    selector: "track",
    strategy: "track",
    bakeSeconds: "track",
    maxUnavailable: "track",
    approval: "track",
    gates: {
      ready: { withinSeconds: "track" },
      restarts: { max: "track" },
      logErrors: { texts: "track", max: "track", lines: "track" },
      probe: { message: "track", expect: "track", withinSeconds: "track", instances: "track" },
    },
    onFailure: "track",
    windows: { days: "track", from: "track", to: "track", timeZone: "track" },
    freezes: { from: "track", to: "track", reason: "track" },
  },
  ClawInstance: {
    type: "track",
    version: "track",
    replicas: "track",
    running: "track",
    resources: { cpu: "track", memory: "track" },
    config: { template: "track", version: "track", overrides: { key: "track", value: "track" } },
    storage: { configDir: "track", dataDir: "track", size: "track" },
    network: { expose: "track", port: "track" },
    placement: { cluster: "track", selector: "track", tolerations: { key: "track", value: "track" } },
    drift: "track",
    deletionPolicy: "track",
  },
};

/** What every resource has besides. Annotations are whatever somebody's tools write there. */
export const auditedMetadata = { labels: "track", annotations: "secret" } as const satisfies AuditRules;
