import type { InstanceId, TenantId } from "../../../sdk/contract/index.ts";

/** Called with the instance that has changed; with nothing when it may be any. */
type Listener = (id: InstanceId | undefined) => void;

/** Which instances have changed, whichever replica changed them, for those who watch some. */
export class ChangeFeed {
  readonly #listeners = new Map<TenantId, Set<Listener>>();

  /** @returns ends it */
  listen(tenantId: TenantId, listener: Listener): () => void {
    const own = this.#listeners.get(tenantId) ?? new Set();
    this.#listeners.set(tenantId, own.add(listener));
    return () => {
      own.delete(listener);
      if (own.size === 0) {
        this.#listeners.delete(tenantId);
      }
    };
  }

  tell(tenantId: TenantId, id: InstanceId): void {
    for (const listener of this.#listeners.get(tenantId) ?? []) {
      listener(id);
    }
  }

  /** What was told for a while may not have been heard. */
  tellAll(): void {
    for (const listener of [...this.#listeners.values()].flatMap((own) => [...own])) {
      listener(undefined);
    }
  }
}
