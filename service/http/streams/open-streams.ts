import { ClawError, STREAMS_PER_TENANT_MAX } from "../../../sdk/contract/index.ts";

/** Counts the streams that are open at this replica: each holds buffers, here and at an agent. */
export class OpenStreams {
  readonly #counts = new Map<string, number>();

  /** @returns gives the place back @throws {ClawError} `tenant.too_many_streams` */
  take(tenant: string): () => void {
    const count = this.#counts.get(tenant) ?? 0;
    if (count >= STREAMS_PER_TENANT_MAX) {
      throw new ClawError("tenant.too_many_streams", `tenant '${tenant}' has ${count} streams open, which is the limit; close some`);
    }
    this.#counts.set(tenant, count + 1);
    return () => {
      const left = (this.#counts.get(tenant) ?? 0) - 1;
      if (left > 0) {
        this.#counts.set(tenant, left);
      } else {
        this.#counts.delete(tenant);
      }
    };
  }
}
