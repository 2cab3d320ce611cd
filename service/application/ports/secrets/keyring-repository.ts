/** What the service's own keys rest on. */
export interface KeyringRepository {
  /** Others wait until the transaction ends: of replicas that start together, one makes what is missing. */
  find(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
}
