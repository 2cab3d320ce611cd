import { abortError } from "./transport.ts";

/**
 * Lets callers in one after the other, so that hundreds of instances that are watched together are looked at no more often in total than a
 * few dozen: waiting does not become load.
 */
export class Turnstile {
  readonly #intervalMs: number;
  readonly #queue = new Set<() => void>();
  #isTurning = false;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Resolves when it is the caller's turn. @throws {UserAbortError} when the signal ends the wait */
  enter(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(signal));
        return;
      }
      const onAbort = () => {
        this.#queue.delete(pass);
        reject(abortError(signal));
      };
      const pass = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.add(pass);
      if (!this.#isTurning) {
        this.#turn();
      }
    });
  }

  #turn(): void {
    const [next] = this.#queue;
    this.#isTurning = next !== undefined;
    if (next) {
      this.#queue.delete(next);
      next();
      setTimeout(() => this.#turn(), this.#intervalMs);
    }
  }
}
