import { isDeepStrictEqual } from "node:util";
import type { CustomKind } from "../../../sdk/contract/index.ts";
import { ClusterError } from "../../../service/application/ports/clusters/clusters.ts";
import type { CustomResource, CustomResources } from "../../../service/application/ports/clusters/custom-resources.ts";

type Listener = Parameters<CustomResources["follow"]>[0];
/** What somebody writes with kubectl. */
export interface WrittenResource {
  readonly kind: CustomKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
}

/** The custom resources of a cluster that is played: versions, generations and deletions are as an API server has them. */
export class PlayedCustomResources implements CustomResources {
  readonly #resources = new Map<string, CustomResource>();
  readonly #listeners = new Set<Listener>();
  readonly namespaces = new Set<string>();
  /** Counts every write, whoever makes it. */
  writes = 0;

  /** Somebody creates a resource, or writes it anew. */
  apply({ kind, metadata, spec }: WrittenResource): void {
    const { name, namespace, labels = {}, annotations = {} } = metadata;
    const key = keyOf({ kind, namespace, name });
    const before = this.#resources.get(key);
    const written = { kind, name, namespace, labels, annotations, spec };
    this.#put(
      before ? { ...before, ...written } : { ...written, uid: `uid-${key}`, ...FRESH, resourceVersion: "0", generation: 0 },
      before,
    );
  }

  /** Somebody deletes a resource: it goes when nobody holds it any more. */
  remove(kind: CustomKind, name: string, namespace?: string): void {
    this.#release({ ...this.#current({ kind, namespace, name }), deleting: true });
  }

  get(kind: CustomKind, name: string, namespace?: string): CustomResource | undefined {
    return this.#resources.get(keyOf({ kind, namespace, name }));
  }

  list(): readonly CustomResource[] {
    return [...this.#resources.values()];
  }

  follow(listener: Listener): { stop(): void } {
    this.#listeners.add(listener);
    for (const [key, resource] of this.#resources) {
      listener(key, resource);
    }
    return { stop: () => void this.#listeners.delete(listener) };
  }

  async hold(resource: CustomResource, held: boolean): Promise<void> {
    this.#release({ ...this.#current(resource, resource.resourceVersion), held });
  }

  async release(_cluster: string): Promise<void> {
    for (const resource of this.list().filter(({ held }) => held)) {
      await this.hold(resource, false);
    }
  }

  async writeStatus(resource: CustomResource, status: Readonly<Record<string, unknown>>): Promise<void> {
    const before = this.#current(resource, resource.resourceVersion);
    this.#put({ ...before, status: { ...before.status, ...status } }, before);
  }

  async replace(resource: CustomResource, content: Pick<CustomResource, "labels" | "annotations" | "spec">): Promise<CustomResource> {
    const before = this.#current(resource, resource.resourceVersion);
    return this.#put({ ...before, ...content }, before);
  }

  async isCurrent(resource: CustomResource): Promise<boolean> {
    return this.#current(resource).resourceVersion === resource.resourceVersion;
  }

  async delete(resource: CustomResource): Promise<void> {
    this.remove(resource.kind, resource.name, resource.namespace);
  }

  async ensureNamespace(name: string): Promise<void> {
    this.namespaces.add(name);
  }

  #current(resource: Pick<CustomResource, "kind" | "namespace" | "name">, version?: string): CustomResource {
    const current = this.#resources.get(keyOf(resource));
    if (!current) {
      throw new ClusterError("NotFound", `there is no ${keyOf(resource)}`);
    }
    if (version !== undefined && version !== current.resourceVersion) {
      throw new ClusterError("Conflict", `${keyOf(resource)} has been written since`);
    }
    return current;
  }

  #release(resource: CustomResource): void {
    if (!resource.deleting || resource.held || resource.finalizers.length > 0) {
      this.#put(resource, this.#current(resource));
      return;
    }
    this.writes++;
    this.#resources.delete(keyOf(resource));
    this.#tell(keyOf(resource), undefined);
  }

  #put(resource: CustomResource, before: CustomResource | undefined): CustomResource {
    // An API server keeps JSON, and a write that changes nothing is none.
    const wanted = JSON.parse(JSON.stringify(resource)) as CustomResource;
    if (before && isDeepStrictEqual(wanted, before)) {
      return before;
    }
    const isNew = !isDeepStrictEqual(wanted.spec, before?.spec);
    this.writes++;
    const next = { ...wanted, resourceVersion: String(this.writes), generation: (before?.generation ?? 0) + (isNew ? 1 : 0) };
    this.#resources.set(keyOf(next), next);
    this.#tell(keyOf(next), next);
    return next;
  }

  #tell(key: string, resource: CustomResource | undefined): void {
    for (const listener of this.#listeners) {
      listener(key, resource);
    }
  }
}

const FRESH = { status: {}, deleting: false, finalizers: [], held: false } as const;

function keyOf({ kind, namespace = "", name }: Pick<CustomResource, "kind" | "namespace" | "name">): string {
  return `${kind}/${namespace}/${name}`;
}
