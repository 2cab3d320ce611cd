import type { Claw, PagePromise } from "../client/index.ts";
import {
  type ClawInstance,
  type Cluster,
  type Condition,
  ConditionType,
  type ConfigTemplate,
  type ManifestKind,
  type Project,
  type Tenant,
} from "../contract/index.ts";
import { usageError } from "./failure.ts";
import { formatAge } from "./output/age.ts";
import type { View } from "./output/printer.ts";
import type { Column } from "./output/table.ts";

/** Anything that has a manifest. */
export type Resource = ClawInstance | ConfigTemplate | Tenant | Project | Cluster;
type ListQuery = NonNullable<Parameters<Claw["instances"]["list"]>[0]>;

/** A kind of resource: what it is called, how it is shown, and the calls of its area. */
export interface ResourceKind<T extends Resource = Resource> extends View<T> {
  readonly kind: ManifestKind;
  readonly word: string;
  readonly aliases: readonly string[];
  list(claw: Claw, query: ListQuery, signal: AbortSignal): PagePromise<T>;
  get(claw: Claw, name: string, signal: AbortSignal): Promise<T>;
}

function condition(item: { status: { conditions: readonly Condition[] } }, type: string): Condition | undefined {
  return item.status.conditions.find((c) => c.type === type);
}

const nameColumn: Column<Resource> = { header: "NAME", value: (r) => r.metadata.name };
const ageColumn: Column<Resource> = { header: "AGE", value: (r) => formatAge(r.metadata.createdAt) };
const wideColumns: readonly Column<Resource>[] = [
  {
    header: "LABELS",
    wide: true,
    value: (r) =>
      Object.entries(r.metadata.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(",") || "-",
  },
  { header: "UID", wide: true, value: (r) => r.metadata.uid },
];

/** Instances. */
export const instanceKind: ResourceKind<ClawInstance> = {
  kind: "ClawInstance",
  word: "instance",
  aliases: ["instances", "ins", "clawinstance", "clawinstances"],
  name: (i) => `instance/${i.metadata.name}`,
  columns: [
    nameColumn,
    { header: "TYPE", value: (i) => i.spec.type },
    { header: "VERSION", value: (i) => i.status.version ?? i.spec.version ?? "-" },
    { header: "PHASE", value: (i) => i.status.phase },
    { header: "READY", value: (i) => `${i.status.readyReplicas}/${i.spec.running ? i.spec.replicas : 0}` },
    { header: "RESTARTS", value: (i) => String(i.status.restarts) },
    ageColumn,
    { header: "CPU", wide: true, value: (i) => i.status.usage?.cpu ?? "-" },
    { header: "MEMORY", wide: true, value: (i) => i.status.usage?.memory ?? "-" },
    { header: "CLUSTER", wide: true, value: (i) => i.status.cluster },
    { header: "PROJECT", wide: true, value: (i) => i.metadata.project ?? "-" },
    {
      header: "CONFIG",
      wide: true,
      value: (i) => {
        const { template } = i.spec.config;
        return template === undefined ? "-" : `${template}${i.status.configVersion === undefined ? "" : `@${i.status.configVersion}`}`;
      },
    },
    { header: "REASON", wide: true, value: (i) => condition(i, ConditionType.Ready)?.reason ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.instances.list(query, { signal }),
  get: (claw, name, signal) => claw.instances.get(name, { signal }),
};

/** Config templates. */
export const configKind: ResourceKind<ConfigTemplate> = {
  kind: "ConfigTemplate",
  word: "config",
  aliases: ["configs", "cfg", "configtemplate", "configtemplates", "template", "templates"],
  name: (c) => `config/${c.metadata.name}`,
  columns: [
    nameColumn,
    { header: "ADAPTER", value: (c) => c.spec.adapter },
    { header: "VARIABLES", value: (c) => String(c.spec.variables.length) },
    { header: "PUBLISHED", value: (c) => (c.status.publishedVersion === 0 ? "-" : `v${c.status.publishedVersion}`) },
    { header: "DRAFT", value: (c) => (c.status.dirty ? "changed" : "-") },
    ageColumn,
    { header: "DESCRIPTION", wide: true, value: (c) => c.spec.description || "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.configs.list(query, { signal }),
  get: (claw, name, signal) => claw.configs.get(name, { signal }),
};

/** Tenants. */
export const tenantKind: ResourceKind<Tenant> = {
  kind: "Tenant",
  word: "tenant",
  aliases: ["tenants", "ten"],
  name: (t) => `tenant/${t.metadata.name}`,
  columns: [
    nameColumn,
    { header: "INSTANCES", value: (t) => `${t.status.instances}/${t.spec.quota.instances ?? "∞"}` },
    { header: "POLICIES", value: (t) => String(t.spec.policies.length) },
    ageColumn,
    { header: "DISPLAY NAME", wide: true, value: (t) => t.spec.displayName ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.tenants.list(query, { signal }),
  get: (claw, name, signal) => claw.tenants.get(name, { signal }),
};

/** Projects. */
export const projectKind: ResourceKind<Project> = {
  kind: "Project",
  word: "project",
  aliases: ["projects", "prj"],
  name: (p) => `project/${p.metadata.name}`,
  columns: [
    nameColumn,
    { header: "INSTANCES", value: (p) => `${p.status.instances}/${p.spec.quota.instances ?? "∞"}` },
    ageColumn,
    { header: "DISPLAY NAME", wide: true, value: (p) => p.spec.displayName ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.projects.list(query, { signal }),
  get: (claw, name, signal) => claw.projects.get(name, { signal }),
};

/** Clusters. */
export const clusterKind: ResourceKind<Cluster> = {
  kind: "Cluster",
  word: "cluster",
  aliases: ["clusters", "cls"],
  name: (c) => `cluster/${c.metadata.name}`,
  columns: [
    nameColumn,
    { header: "PHASE", value: (c) => c.status.phase },
    { header: "VERSION", value: (c) => c.status.version ?? "-" },
    { header: "NODES", value: (c) => String(c.status.nodes ?? "-") },
    { header: "INSTANCES", value: (c) => `${c.status.allocated.instances}/${c.status.capacity.instances ?? "∞"}` },
    { header: "CPU", value: (c) => `${c.status.allocated.cpu}/${c.status.capacity.cpu ?? "∞"}` },
    { header: "MEMORY", value: (c) => `${c.status.allocated.memory}/${c.status.capacity.memory ?? "∞"}` },
    ageColumn,
    { header: "REASON", wide: true, value: (c) => condition(c, ConditionType.Reachable)?.reason ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.clusters.list(query, { signal }),
  get: (claw, name, signal) => claw.clusters.get(name, { signal }),
};

/** In the order in which they depend on one another. */
export const resourceKinds: readonly ResourceKind[] = [clusterKind, tenantKind, projectKind, configKind, instanceKind];

/** The kind that a manifest's `kind` names. */
export function kindOf(kind: ManifestKind): ResourceKind {
  const found = resourceKinds.find((candidate) => candidate.kind === kind);
  if (!found) {
    throw new TypeError(`no such kind: ${kind}`);
  }
  return found;
}

/** The kind that a word of the command line names, if any. */
export function findKind(word: string): ResourceKind | undefined {
  const wanted = word.toLowerCase();
  return resourceKinds.find((kind) => kind.word === wanted || kind.aliases.includes(wanted));
}

/** A kind, and a name unless all of the kind are meant. */
export interface Reference {
  readonly kind: ResourceKind;
  readonly name: string | undefined;
}

/**
 * Reads `instance web bot`, `instance/web config/base`, or `instances`.
 * @param fallback the kind of names that come without one
 */
export function parseReferences(words: readonly string[], fallback?: ResourceKind): Reference[] {
  const [first, ...rest] = words;
  const leading = first === undefined || first.includes("/") ? undefined : findKind(first);
  if (leading && (rest.length > 0 || !fallback)) {
    return rest.length === 0 ? [{ kind: leading, name: undefined }] : rest.map((name) => ({ kind: leading, name }));
  }
  return words.map((word) => {
    const [kindWord = "", name, ...more] = word.split("/");
    if (name === undefined && fallback) {
      return { kind: fallback, name: word };
    }
    const kind = findKind(kindWord);
    if (!kind || !name || more.length > 0) {
      throw usageError(
        `'${word}' names no resource`,
        `say <kind> <name> or <kind>/<name>; kinds: ${resourceKinds.map((known) => known.word).join(", ")}`,
      );
    }
    return { kind, name };
  });
}
