/** One process of the control plane. */
export interface Replica {
  /** Its host and process id. */
  readonly name: string;
  readonly version: string;
}

/** The control planes that work on this database. */
export interface ReplicaRepository {
  list(): Promise<readonly Replica[]>;
  /** Says where a replica is reached by the others. */
  tell(url: string): Promise<void>;
  leave(url: string): Promise<void>;
  /** Where replicas are reached that have said so lately. */
  urls(): Promise<readonly string[]>;
}
