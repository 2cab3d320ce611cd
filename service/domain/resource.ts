/** A resource of any kind as it is stored. */
export interface StoredResource {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: object;
  /** Grows with everything new that is wanted of it. */
  readonly generation: number;
  /** Grows with every write of a client. */
  readonly resourceVersion: number;
  /** Set while it is being destroyed, which takes a while for some kinds. */
  readonly deletedAt?: string | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
}
