/** What a write was answered with. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** What it warned of: whoever repeats a write may have lost the first answer, and is to know as much. */
  readonly warnings: readonly string[];
}

export interface IdempotencyRepository {
  /**
   * The answer stored under the key, or undefined after claiming it. A claim that was neither completed nor released for a minute
   * (its replica died) is taken over. @throws {request.idempotency_mismatch} for another request with the same key,
   * {request.in_progress} while the first one is being served.
   */
  claim(key: string, requestDigest: string): Promise<Answer | undefined>;
  complete(key: string, answer: Answer): Promise<void>;
  /** Forgets a claim whose request failed, so that it can be made again. */
  release(key: string): Promise<void>;
}
