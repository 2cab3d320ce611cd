import {
  API_VERSION,
  type ClawInstance,
  type Cluster,
  ConditionType,
  type ConfigTemplate,
  type Metadata,
  type Project,
  type Tenant,
} from "../../sdk/contract/index.ts";
import { type Amount, capacityOf, type Load, phaseOf, type Cluster as StoredCluster } from "../domain/clusters/cluster.ts";
import type { ConfigTemplate as StoredTemplate } from "../domain/configs/config-template.ts";
import type { Instance } from "../domain/instances/instance.ts";
import { maskLeaves } from "../domain/sealed.ts";
import { toGibibytes } from "../domain/tenancy/quota.ts";
import type { Project as StoredProject, Tenant as StoredTenant } from "../domain/tenancy/tenant.ts";

interface StoredMetadata {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation: number;
  readonly resourceVersion: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

function presentMetadata(stored: StoredMetadata): Metadata {
  const { id, name, labels, annotations, generation, resourceVersion, createdAt, updatedAt } = stored;
  return {
    name,
    labels: { ...labels },
    annotations: { ...annotations },
    uid: id,
    generation,
    resourceVersion: String(resourceVersion),
    createdAt,
    updatedAt,
  };
}

const MEBIBYTE = 2 ** 20;

/** An instance as clients see it: its secrets are masked. @param tenant the tenant's name */
export function presentInstance(instance: Instance, tenant: string): ClawInstance {
  const { status } = instance;
  const ready = status.conditions.some((condition) => condition.type === ConditionType.Ready && condition.status === "True");
  return {
    apiVersion: API_VERSION,
    kind: "ClawInstance",
    metadata: { ...presentMetadata(instance), namespace: tenant, project: instance.projectName },
    spec: maskLeaves(instance.spec),
    status: {
      phase: status.phase,
      observedGeneration: status.observedGeneration,
      readyReplicas: ready ? 1 : 0,
      lastTransitionTime: status.lastTransitionTime,
      cluster: instance.cluster,
      conditions: [...status.conditions],
      restarts: status.pod?.restarts ?? status.agent?.restarts ?? 0,
      ...(instance.usage && {
        usage: {
          cpu: `${Math.ceil(instance.usage.cpu * 1000)}m`,
          memory: `${Math.ceil(instance.usage.memoryBytes / MEBIBYTE)}Mi`,
          time: instance.usage.time,
        },
      }),
      ...(status.drift.length > 0 && { drift: [...status.drift] }),
      ...(status.pod && { pod: { name: status.pod.name, ...(status.pod.node !== undefined && { node: status.pod.node }) } }),
      ...(status.agent?.version !== undefined && { version: status.agent.version }),
      ...(status.agent?.confinement !== undefined && { confinement: status.agent.confinement }),
      ...(status.configVersion !== undefined && { configVersion: status.configVersion }),
    },
  };
}

export function presentTemplate(template: StoredTemplate, tenant: string, digest: string): ConfigTemplate {
  return {
    apiVersion: API_VERSION,
    kind: "ConfigTemplate",
    metadata: { ...presentMetadata(template), namespace: tenant },
    spec: maskLeaves(template.spec),
    status: { publishedVersion: template.publishedVersion, dirty: digest !== template.publishedDigest, conditions: [] },
  };
}

export function presentTenant(tenant: StoredTenant, instances: number): Tenant {
  return {
    apiVersion: API_VERSION,
    kind: "Tenant",
    metadata: presentMetadata(tenant),
    spec: tenant.spec,
    status: { instances, conditions: [] },
  };
}

const NOTHING: Load = { instances: 0, cpu: 0, memoryBytes: 0 };

/** A cluster as platform administrators see it: its kubeconfig is masked. */
export function presentCluster(cluster: StoredCluster, allocated: Load = NOTHING): Cluster {
  const { spec, state } = cluster;
  return {
    apiVersion: API_VERSION,
    kind: "Cluster",
    metadata: presentMetadata(cluster),
    spec: maskLeaves(spec) as Cluster["spec"],
    status: {
      phase: phaseOf(cluster),
      ...(state.version !== undefined && { version: state.version }),
      ...(state.nodes !== undefined && { nodes: state.nodes }),
      capacity: presentAmount(capacityOf(cluster)),
      allocated: { instances: allocated.instances, cpu: String(allocated.cpu), memory: toGibibytes(allocated.memoryBytes) },
      conditions: [...state.conditions],
    },
  };
}

function presentAmount({ instances, cpu, memoryBytes }: Amount): Cluster["status"]["capacity"] {
  return {
    ...(instances !== undefined && { instances }),
    ...(cpu !== undefined && { cpu: String(cpu) }),
    ...(memoryBytes !== undefined && { memory: toGibibytes(memoryBytes) }),
  };
}

export function presentProject(project: StoredProject, tenant: string, instances: number): Project {
  return {
    apiVersion: API_VERSION,
    kind: "Project",
    metadata: { ...presentMetadata(project), namespace: tenant },
    spec: project.spec,
    status: { instances, conditions: [] },
  };
}
