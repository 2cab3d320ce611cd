import { ClawError, STREAMS_PER_TENANT_MAX } from "../../../sdk/contract/index.ts";

/** Counts the streams that are open at this replica: each holds buffers, here and at an agent. */
export class OpenStreams {
  readonly #counts = new Map<string, number>();
  readonly #kinds = new Map<string, number>();

  /** How many are open, by what they are. */
  byKind(): readonly (readonly [kind: string, count: number])[] {
    return [...this.#kinds];
  }

  /** @returns gives the place back @throws {ClawError} `tenant.too_many_streams` */
  take(tenant: string, kind: string): () => void {
    const count = this.#counts.get(tenant) ?? 0;
    if (count >= STREAMS_PER_TENANT_MAX) {
      throw new ClawError("tenant.too_many_streams", `tenant '${tenant}' has ${count} streams open, which is the limit; close some`);
    }
    this.#counts.set(tenant, count + 1);
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    return () => {
      this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) - 1);
      const left = (this.#counts.get(tenant) ?? 0) - 1;
      if (left > 0) {
        this.#counts.set(tenant, left);
      } else {
        this.#counts.delete(tenant);
      }
    };
  }
}
