import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { Answer, IdempotencyRepository } from "../../application/ports/resources/idempotency-repository.ts";
import type { Transactions } from "../../application/ports/transactions.ts";
import type { RequestContext } from "../../application/resources/route-handlers.ts";
import { idempotencyKeyOf } from "../headers.ts";

declare module "fastify" {
  interface FastifyInstance {
    /**
     * Serves a write once for its `Idempotency-Key`: a repetition gets the first one's answer. A write that failed may be made again.
     * @param given what its body is known again by
     */
    onceForKey(request: FastifyRequest, ctx: RequestContext, given: unknown, serve: () => Promise<Answer>): Promise<Answer>;
  }
}

export interface IdempotencyOptions {
  readonly transactions: Transactions;
}

/** Keeps the answers of writes by their keys. */
export const idempotency = fp<IdempotencyOptions>(
  async (app, { transactions }) => {
    app.decorate("onceForKey", (request, ctx, given, serve) => onceForKey(request, ctx, given, transactions, serve));
  },
  { name: "idempotency" },
);

async function onceForKey(
  request: FastifyRequest,
  ctx: RequestContext,
  given: unknown,
  transactions: Transactions,
  serve: () => Promise<Answer>,
): Promise<Answer> {
  const key = idempotencyKeyOf(request);
  if (key === undefined) {
    return serve();
  }
  const digest = createHash("sha256")
    .update(JSON.stringify([ctx.actor.subject, request.method, request.url, ctx.ifMatch, given]))
    .digest("hex");
  const keys = <T>(work: (repository: IdempotencyRepository) => Promise<T>): Promise<T> =>
    ctx.tenant ? transactions.tenant(ctx.tenant.id, (tx) => work(tx.idempotency)) : transactions.platform((tx) => work(tx.idempotency));
  const known = await keys((repository) => repository.claim(key, digest));
  if (known) {
    return known;
  }
  try {
    const answer = await serve();
    await keys((repository) => repository.complete(key, answer));
    return answer;
  } catch (error) {
    await keys((repository) => repository.release(key));
    throw error;
  }
}
