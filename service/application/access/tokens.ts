import { ClawError, newId, type Permission, type Token as ShownToken, TOKENS_PER_ACCOUNT_MAX } from "../../../sdk/contract/index.ts";
import { subjectKey } from "../../domain/access/actor.ts";
import { beyond } from "../../domain/access/grants.ts";
import type { ServiceAccount, Token } from "../../domain/access/resources.ts";
import { digestToken, newToken, shownPrefix } from "../../domain/access/tokens.ts";
import { type AuditEntry, entryOf } from "../../domain/audit/chain.ts";
import type { Transactions } from "../ports/transactions.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { withGrants } from "./authenticate.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

type TokenRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `tokens.${string}`>>;

interface TokenDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
}

/** Tokens are no resources: a manifest can't hold what is shown once. */
export function tokenRoutes({ transactions, clock }: TokenDependencies): TokenRoutes {
  return {
    "tokens.list": (ctx, { query: { serviceAccount, limit, cursor } }) =>
      transactions.tenant(tenantIn(ctx).id, async (tx) => {
        const account = serviceAccount === undefined ? undefined : await tx.serviceAccounts.get(serviceAccount);
        const page = { limit, ...(cursor !== undefined && { cursor }), serviceAccountId: account?.id };
        const { items, nextCursor } = await tx.tokens.list(page);
        return { items: items.map(shown), ...(nextCursor !== undefined && { nextCursor }) };
      }),
    "tokens.get": (ctx, { params }) => transactions.tenant(tenantIn(ctx).id, async (tx) => shown(await tx.tokens.get(params.id))),
    "tokens.create": (ctx, { body }) =>
      transactions.platform(async (tx) => {
        const now = clock();
        const scope = await tx.enter(tenantIn(ctx).id);
        // One at a time, or there would be more than there may be.
        const tenant = await scope.tenants.lock(scope.tenantId);
        const account = await scope.serviceAccounts.get(body.serviceAccount);
        const active = await scope.serviceAccounts.countTokens([account.id], now.toISOString());
        if ((active.get(account.id) ?? 0) >= TOKENS_PER_ACCOUNT_MAX) {
          throw new ClawError(
            "token.too_many",
            `the service account '${account.name}' has ${TOKENS_PER_ACCOUNT_MAX} tokens; revoke one first: claw tokens list --service-account ${account.name}`,
          );
        }
        const key = subjectKey({ kind: "ServiceAccount", name: account.name }, tenant.name);
        const holder = { subject: account.name, groups: [], keys: [key], tenantId: tenant.id, scopes: body.scopes };
        assertGivesNoMore(
          ctx,
          account,
          beyond(withGrants(holder, await tx.access.standing(holder.keys, tenant.id)).grants, ctx.actor.grants),
        );
        const token = newToken();
        const made: Token = {
          id: newId("tok", now.getTime()),
          name: body.name,
          tenantId: tenant.id,
          serviceAccountId: account.id,
          serviceAccount: account.name,
          prefix: shownPrefix(token),
          scopes: body.scopes,
          createdAt: now.toISOString(),
          createdBy: ctx.actor.subject,
          expiresAt: new Date(now.getTime() + body.expiresInDays * DAY_MS).toISOString(),
          lastUsedAt: undefined,
          revokedAt: undefined,
        };
        await scope.tokens.insert(made, digestToken(token));
        scope.audit.append(recordOf(ctx, "token.create", made, now));
        return { ...shown(made), token };
      }),
    "tokens.revoke": (ctx, { params }) =>
      transactions.tenant(tenantIn(ctx).id, async (tx) => {
        const token = await tx.tokens.get(params.id);
        if (token.revokedAt === undefined) {
          const now = clock();
          await tx.tokens.revoke(token.id, now.toISOString());
          tx.audit.append(recordOf(ctx, "token.revoke", token, now));
        }
        return undefined;
      }),
  };
}

/** Otherwise whoever may make tokens might do what every service account may. @throws {ClawError} `auth.forbidden` */
function assertGivesNoMore({ actor }: RequestContext, account: ServiceAccount, missing: readonly Permission[]): void {
  if (missing.length > 0) {
    const message = `the service account '${account.name}' may do what '${actor.subject}' may not: ${missing.join(", ")}`;
    const fix = "make a token with fewer scopes, or ask somebody who may do that";
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "scopes", message, fix }] });
  }
}

function recordOf({ actor, tenant }: RequestContext, action: string, token: Token, now: Date): AuditEntry {
  const { id, name, serviceAccount, scopes, expiresAt } = token;
  return entryOf({
    time: now.toISOString(),
    by: actor,
    action,
    resource: { kind: "Token", name, uid: id, ...(tenant && { tenant: tenant.name }) },
    details: { serviceAccount, expiresAt, scopes: scopes?.join(", ") ?? "all that its service account may do" },
  });
}

function shown(token: Token): ShownToken {
  const { id, name, serviceAccount, prefix, scopes, createdAt, createdBy, expiresAt, lastUsedAt, revokedAt } = token;
  return {
    ...{ id, name, serviceAccount, prefix, createdAt, createdBy, expiresAt },
    ...(scopes && { scopes: [...scopes] }),
    ...(lastUsedAt !== undefined && { lastUsedAt }),
    ...(revokedAt !== undefined && { revokedAt }),
  };
}
