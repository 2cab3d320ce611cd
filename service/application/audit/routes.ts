import { ClawError, PLATFORM_CHAIN } from "../../../sdk/contract/index.ts";
import type { Page } from "../ports/resources/page.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { type VerifyDependencies, type VerifyQuestion, verifyChain } from "./verify-chain.ts";

type AuditRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `audit.${string}`>>;

export function auditRoutes(deps: VerifyDependencies): AuditRoutes {
  const { transactions } = deps;
  return {
    "audit.list": async (ctx, { query }) => answer(await transactions.reads.tenant(tenantIn(ctx).id, (tx) => tx.audit.list(query))),
    "audit.verify": (ctx, { query }) => verifyChain(questionOf(tenantIn(ctx).id, query), deps),
    "audit.platform": async (_ctx, { query: { chain = PLATFORM_CHAIN, ...query } }) =>
      answer(await transactions.platform((tx) => tx.auditChains.of(chain).list(query))),
    "audit.verifyPlatform": (_ctx, { query: { chain = PLATFORM_CHAIN, ...query } }) => verifyChain(questionOf(chain, query), deps),
    "audit.chains": async (_ctx, { query: { limit, cursor } }) =>
      answer(await transactions.platform((tx) => tx.auditChains.list(limit, cursor))),
  };
}

function answer<T>({ items, ...rest }: Page<T>) {
  return { ...rest, items: [...items] };
}

interface Asked {
  readonly from?: string | undefined;
  readonly sequence?: number | undefined;
  readonly hash?: string | undefined;
}

function questionOf(chain: string, { from, sequence, hash }: Asked): VerifyQuestion {
  if ((sequence === undefined) !== (hash === undefined)) {
    const message = "a record that was known has a sequence and a hash";
    throw new ClawError("request.invalid", message, {
      issues: [{ path: sequence === undefined ? "sequence" : "hash", message: "is missing", fix: "give both, or neither" }],
    });
  }
  return { chain, from, known: sequence === undefined || hash === undefined ? undefined : { sequence, hash } };
}
