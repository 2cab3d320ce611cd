import type { Preview, PreviewItem } from "../contract/index.ts";
import { ConflictError, PlanRefusedError } from "./errors.ts";
import type { PagePromise } from "./page.ts";
import type { RequestOptions } from "./transport.ts";

/** The calls that a plan makes. */
export interface PlanCalls {
  changes(id: string, query: { readonly cursor?: string }, options?: RequestOptions): PagePromise<PreviewItem>;
  apply(id: string, options?: RequestOptions): Promise<Preview>;
}

/** How often a plan whose base has moved is made anew. */
const ATTEMPTS_MAX = 5;

/**
 * What a write would do, and the way to do exactly that. Its fields are those of a {@link Preview} and nothing else.
 * @example
 * const plan = await claw.previews.create({ manifests });
 * for await (const item of plan.changes()) console.log(item.op, item.name, item.effect);
 * await plan.apply();
 */
export class Plan implements Preview {
  declare readonly id: Preview["id"];
  declare readonly planId?: Preview["planId"];
  declare readonly createdAt: Preview["createdAt"];
  declare readonly expiresAt: Preview["expiresAt"];
  declare readonly items: Preview["items"];
  declare readonly nextCursor?: Preview["nextCursor"];
  declare readonly boundaries: Preview["boundaries"];
  declare readonly verdicts: Preview["verdicts"];
  declare readonly summary: Preview["summary"];
  readonly #calls: PlanCalls;
  readonly #renew: (() => Promise<Plan>) | undefined;

  /** @internal @param renew asks for the same preview again, where that can be */
  constructor(answered: Preview, calls: PlanCalls, renew: (() => Promise<Plan>) | undefined) {
    this.#calls = calls;
    this.#renew = renew;
    Object.assign(this, answered);
  }

  /** Every item, of further pages too. */
  async *changes(options?: RequestOptions): AsyncGenerator<PreviewItem, void, undefined> {
    yield* this.items;
    if (this.nextCursor !== undefined) {
      yield* this.#calls.changes(this.id, { cursor: this.nextCursor }, options);
    }
  }

  /** Why it can't be applied; undefined when it can. */
  refusal(): PlanRefusedError | undefined {
    const verdicts = this.verdicts.filter(({ allowed }) => !allowed);
    const items = this.items
      .map((item) => ({ ...item, problems: item.problems.filter(({ blocking }) => blocking) }))
      .filter(({ problems }) => problems.length > 0);
    return this.planId !== undefined && verdicts.length === 0 && items.length === 0 ? undefined : new PlanRefusedError(verdicts, items);
  }

  /**
   * Makes exactly this. With `renew`, a plan whose base has moved meanwhile is made anew and that one is applied: for those to whom a
   * status that changed between the two calls is no conflict.
   * @returns the plan that was applied
   * @throws {PlanRefusedError} when it can't be applied, {@link ConflictError} with the code `preview.stale` when its base has moved
   */
  async apply(options: RequestOptions & { readonly renew?: boolean } = {}): Promise<Plan> {
    const { renew = false, idempotencyKey, ...again } = options;
    let request: RequestOptions = idempotencyKey === undefined ? again : { ...again, idempotencyKey };
    let plan: Plan = this;
    for (let attempt = 1; ; attempt++) {
      const refusal = plan.refusal();
      if (refusal) {
        throw refusal;
      }
      try {
        await this.#calls.apply(plan.id, request);
        return plan;
      } catch (error) {
        const isStale = error instanceof ConflictError && error.code === "preview.stale";
        if (!(renew && isStale && this.#renew && attempt < ATTEMPTS_MAX)) {
          throw error;
        }
        plan = await this.#renew();
        // The key is that of the first plan's application.
        request = again;
      }
    }
  }
}

/** Whether an answer has what the methods of a plan look at. */
export function isPreview(answer: unknown): answer is Preview {
  const { id, items, verdicts } = (answer ?? {}) as Partial<Preview>;
  return typeof id === "string" && Array.isArray(items) && Array.isArray(verdicts);
}
