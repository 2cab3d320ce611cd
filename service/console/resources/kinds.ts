import type { Claw } from "../../../sdk/client/index.ts";
import type { ClusterPhase, ClusterStatus, PolicySpec, Resource, RolloutPhase } from "../../../sdk/contract/index.ts";
import type { Permission } from "../../../sdk/contract/permissions.ts";
import type { TextKey } from "../app/catalogue.ts";

/** A resource, as far as all kinds are alike. */
export type AnyResource = Pick<Resource, "apiVersion" | "kind" | "metadata"> & {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
};

interface ListQuery {
  readonly limit: number;
  readonly sort: string;
}
interface Options {
  readonly signal: AbortSignal;
}
/** What is read of every kind; what is written goes by previews. */
interface Reads {
  list(
    query: ListQuery,
    options: Options,
  ): { pages(): AsyncIterable<{ readonly items: readonly unknown[]; readonly nextCursor?: string | undefined }> };
  get(id: string, options: Options): PromiseLike<unknown>;
}

interface Column {
  readonly text: TextKey;
  readonly of: (resource: AnyResource) => string;
  /** Where values are words of the API: their texts, by them. */
  readonly words?: Readonly<Record<string, TextKey>>;
}

/** How a kind of resources is shown. */
export interface KindView {
  readonly kind: Resource["kind"];
  /** In addresses, and in the API's. */
  readonly path: string;
  readonly text: TextKey;
  readonly help: TextKey;
  readonly read: Permission;
  readonly write: Permission;
  /** What `claw get` calls them. */
  readonly noun: string;
  readonly reads: (claw: Claw) => Reads;
  readonly columns: readonly Column[];
  /** The specification of a new one, to begin with. */
  readonly example: Readonly<Record<string, unknown>>;
}

const text = (value: unknown): string =>
  value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
const spec = (name: string) => (resource: AnyResource) => text(resource.spec[name]);
const status = (name: string) => (resource: AnyResource) => text(resource.status[name]);
const count = (name: string) => (resource: AnyResource) => String((resource.spec[name] as readonly unknown[] | undefined)?.length ?? 0);
const probe = { path: "/healthz", expect: {}, periodSeconds: 10, failureThreshold: 3 };
const description: Column = { text: "resources.col_description", of: spec("description") };

const ROLLOUT_PHASES: Readonly<Record<RolloutPhase, TextKey>> = {
  Progressing: "resources.phase_Progressing",
  AwaitingApproval: "resources.phase_AwaitingApproval",
  Paused: "resources.phase_Paused",
  RollingBack: "resources.phase_RollingBack",
  Completed: "resources.phase_Completed",
  Aborted: "resources.phase_Aborted",
  RolledBack: "resources.phase_RolledBack",
};
const CLUSTER_PHASES: Readonly<Record<ClusterPhase, TextKey>> = {
  Pending: "resources.cluster_Pending",
  Ready: "resources.cluster_Ready",
  Cordoned: "resources.cluster_Cordoned",
  Unreachable: "resources.cluster_Unreachable",
};
const MODES: Readonly<Record<PolicySpec["mode"], TextKey>> = {
  enforce: "resources.mode_enforce",
  warn: "resources.mode_warn",
  audit: "resources.mode_audit",
};

/** What a column says of a resource, in the reader's words. */
export function toldOf({ of, words }: Column, resource: AnyResource, t: (key: TextKey) => string): string {
  const value = of(resource);
  const word = words?.[value];
  return word === undefined ? value : t(word);
}

/** Where a value, a binding or a policy holds: `tenant`, `project web`. */
export function placeOf(at: unknown): string {
  return typeof at === "object" && at !== null ? Object.entries(at).flat().join(" ") : text(at);
}

export const KINDS: readonly KindView[] = [
  {
    kind: "ConfigTemplate",
    path: "configs",
    text: "resources.templates",
    help: "resources.help_templates",
    read: "configs.read",
    write: "configs.write",
    noun: "configs",
    reads: (claw) => claw.configs as unknown as Reads,
    columns: [
      { text: "resources.col_adapter", of: spec("adapter") },
      { text: "resources.col_published", of: ({ status }) => (status["publishedVersion"] ? `v${status["publishedVersion"]}` : "") },
      description,
    ],
    example: { adapter: "EchoAdapter", description: "", variables: [{ name: "greeting", type: "string", default: "hello" }] },
  },
  {
    kind: "ConfigValues",
    path: "config-values",
    text: "resources.values",
    help: "resources.help_values",
    read: "values.read",
    write: "values.write",
    noun: "values",
    reads: (claw) => claw.values as unknown as Reads,
    columns: [
      { text: "resources.col_at", of: (resource) => placeOf(resource.spec["at"]) },
      { text: "resources.col_values", of: count("values") },
      description,
    ],
    example: { at: "tenant", values: [{ key: "model.name", value: "claude-sonnet-5" }] },
  },
  {
    kind: "Secret",
    path: "secrets",
    text: "resources.secrets",
    help: "resources.help_secrets",
    read: "secrets.read",
    write: "secrets.write",
    noun: "secrets",
    reads: (claw) => claw.secrets as unknown as Reads,
    columns: [{ text: "resources.col_source", of: ({ spec: { source } }) => (source ? text(source) : "") }, description],
    example: { description: "", value: "" },
  },
  {
    kind: "Rollout",
    path: "rollouts",
    text: "resources.rollouts",
    help: "resources.help_rollouts",
    read: "rollouts.read",
    write: "rollouts.write",
    noun: "rollouts",
    reads: (claw) => claw.rollouts as unknown as Reads,
    columns: [
      { text: "resources.col_phase", of: status("phase"), words: ROLLOUT_PHASES },
      { text: "resources.col_progress", of: (resource) => progressOf(resource) },
      description,
    ],
    example: { change: { config: { template: "my-template", version: 2 } }, strategy: "one-then-rest" },
  },
  {
    kind: "ClawType",
    path: "claw-types",
    text: "resources.types",
    help: "resources.help_types",
    read: "types.read",
    write: "types.write",
    noun: "types",
    reads: (claw) => claw.clawTypes as unknown as Reads,
    columns: [{ text: "resources.col_version", of: spec("version") }, description],
    example: {
      version: "1.0.0",
      software: { source: "image" },
      image: "registry.example/my-claw:${version}",
      command: ["/claw"],
      probes: { startup: probe, readiness: probe, liveness: probe },
    },
  },
  {
    kind: "Project",
    path: "projects",
    text: "resources.projects",
    help: "resources.help_projects",
    read: "projects.read",
    write: "projects.write",
    noun: "projects",
    reads: (claw) => claw.projects as unknown as Reads,
    columns: [
      { text: "resources.col_instances", of: status("instances") },
      { text: "overview.quota", of: (resource) => quotaOf(resource) },
    ],
    example: { quota: { instances: 5 } },
  },
  {
    kind: "Policy",
    path: "policies",
    text: "resources.policies",
    help: "resources.help_policies",
    read: "policies.read",
    write: "policies.write",
    noun: "policies",
    reads: (claw) => claw.policies as unknown as Reads,
    columns: [
      { text: "resources.col_mode", of: spec("mode"), words: MODES },
      { text: "resources.col_at", of: (resource) => placeOf(resource.spec["at"]) },
      {
        text: "resources.col_rule",
        of: ({ spec: { rule, expression, maintenance } }) =>
          rule ? Object.values(rule as Record<string, unknown>).join(": ") : text(expression ?? maintenance),
      },
    ],
    example: { mode: "warn", rule: { name: "max-replicas", value: "2" } },
  },
  {
    kind: "Role",
    path: "roles",
    text: "resources.roles",
    help: "resources.help_roles",
    read: "access.read",
    write: "access.write",
    noun: "roles",
    reads: (claw) => claw.roles as unknown as Reads,
    columns: [{ text: "resources.col_permissions", of: (resource) => (resource.spec["permissions"] as readonly string[]).join(", ") }],
    example: { permissions: ["instances.read", "instances.logs"] },
  },
  {
    kind: "RoleBinding",
    path: "role-bindings",
    text: "resources.bindings",
    help: "resources.help_bindings",
    read: "access.read",
    write: "access.write",
    noun: "role-bindings",
    reads: (claw) => claw.roleBindings as unknown as Reads,
    columns: [
      { text: "resources.col_role", of: spec("role") },
      {
        text: "resources.col_subjects",
        of: (resource) => (resource.spec["subjects"] as readonly { readonly name: string }[]).map(({ name }) => name).join(", "),
      },
      { text: "resources.col_at", of: (resource) => placeOf(resource.spec["at"]) },
    ],
    example: { role: "viewer", subjects: [{ kind: "User", name: "alice@example.com" }], at: "tenant" },
  },
  {
    kind: "ServiceAccount",
    path: "service-accounts",
    text: "resources.accounts",
    help: "resources.help_accounts",
    read: "access.read",
    write: "access.write",
    noun: "service-accounts",
    reads: (claw) => claw.serviceAccounts as unknown as Reads,
    columns: [{ text: "resources.col_tokens", of: status("tokens") }, description],
    example: { description: "" },
  },
  {
    kind: "Tenant",
    path: "tenants",
    text: "resources.tenants",
    help: "resources.help_tenants",
    read: "tenants.read",
    write: "tenants.write",
    noun: "tenants",
    reads: (claw) => claw.tenants as unknown as Reads,
    columns: [
      { text: "resources.col_instances", of: status("instances") },
      { text: "overview.quota", of: (resource) => quotaOf(resource) },
    ],
    example: { quota: { instances: 20, cpu: "8", memory: "16Gi", storage: "100Gi" } },
  },
  {
    kind: "Cluster",
    path: "clusters",
    text: "resources.clusters",
    help: "resources.help_clusters",
    read: "clusters.read",
    write: "clusters.write",
    noun: "clusters",
    reads: (claw) => claw.clusters as unknown as Reads,
    columns: [
      { text: "resources.col_phase", of: status("phase"), words: CLUSTER_PHASES },
      { text: "resources.col_instances", of: ({ status: { allocated } }) => text((allocated as ClusterStatus["allocated"]).instances) },
      { text: "resources.col_nodes", of: status("nodes") },
      { text: "resources.col_version", of: status("version") },
    ],
    example: {
      credentials: { source: "inCluster" },
      agentUrl: "wss://claw.example.com/agent/v1",
      images: { agent: "registry.example/claw-agent:1" },
    },
  },
];

export function kindByPath(path: string): KindView | undefined {
  return KINDS.find((view) => view.path === path);
}

function quotaOf({ spec: { quota = {} } }: AnyResource): string {
  return Object.entries(quota as Record<string, unknown>)
    .map(([name, value]) => `${name} ${value}`)
    .join(" · ");
}

function progressOf({ status: { counts } }: AnyResource): string {
  const { updated, total } = (counts ?? {}) as { readonly updated?: number; readonly total?: number };
  return total === undefined ? "" : `${updated}/${total}`;
}
