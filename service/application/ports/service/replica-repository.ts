/** One process of the control plane. */
export interface Replica {
  /** Its host and process id. */
  readonly name: string;
  readonly version: string;
}

/** The control planes that work on this database. */
export interface ReplicaRepository {
  list(): Promise<readonly Replica[]>;
}
