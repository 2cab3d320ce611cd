import type { ClusterId, CustomKind } from "../../../../sdk/contract/index.ts";

/** A resource of ours as somebody wrote it to a cluster. */
export interface CustomResource {
  readonly kind: CustomKind;
  /** Absent on tenants. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
  readonly status: Readonly<Record<string, unknown>>;
  readonly deleting: boolean;
  /** Everybody's; ours among them when `held`. */
  readonly finalizers: readonly string[];
  /** Whether it waits for us before it goes. */
  readonly held: boolean;
}

/** The custom resources of one cluster. Writes are refused (`Conflict`, `NotFound`) when the resource has changed since; it is seen again then. */
export interface CustomResources {
  /** Tells of every resource as it is and whenever it changes, until stopped; undefined when it is gone. */
  follow(listener: (key: string, resource: CustomResource | undefined) => void): { stop(): void };
  /** Keeps it from going, or lets it go as far as we are concerned. */
  hold(resource: CustomResource, held: boolean): Promise<void>;
  /**
   * Lets those of a cluster's registration go as far as we are concerned: nobody carries them any more. Where our definitions are not
   * installed there are none.
   */
  release(cluster: ClusterId): Promise<void>;
  writeStatus(resource: CustomResource, status: Readonly<Record<string, unknown>>): Promise<void>;
  /** @returns the resource with it */
  replace(resource: CustomResource, content: Pick<CustomResource, "labels" | "annotations" | "spec">): Promise<CustomResource>;
  /** Whether it is in the cluster as given: what was written a moment ago may not have been told yet. */
  isCurrent(resource: CustomResource): Promise<boolean>;
  delete(resource: CustomResource): Promise<void>;
  /** Makes a namespace where there is none of that name, for what is written of a tenant. */
  ensureNamespace(name: string): Promise<void>;
}
