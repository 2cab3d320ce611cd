import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ClawError, type Route } from "../../../sdk/contract/index.ts";
import { senderOf } from "../../domain/access/sender-of.ts";
import { type RateLimits, rateClassOf, WINDOW_SECONDS } from "../limits/rate-limits.ts";
import type { SharedCounters } from "../limits/shared-counters.ts";
import { sessionKeyOf } from "../session-cookie.ts";
import { bearerOf } from "./identity.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Whether it was counted as somebody's: what was refused before is counted as its sender's failure. */
    counted: boolean;
  }
  interface FastifyContextConfig {
    /** Answered however much else is asked: probes, and agents, without whom nothing works. */
    exempt?: true;
    /** It counts as heavy, and is none of the contract's routes: a stream. */
    heavy?: true;
    /** What the route is to the contract, for its class. */
    route?: Route;
  }
}

export interface RateLimitOptions {
  /** Undefined: nothing is limited. */
  readonly limits: RateLimits | undefined;
  readonly counters: SharedCounters;
}

/** Most digests of tokens that were let in lately. */
const KNOWN_MAX = 10_000;

/**
 * Bounds how much is asked: by who asks and by the tenant once that is known, and by address where it never is. Whoever tries tokens is held up before
 * theirs is looked at; a token that was let in lately is not, so nobody locks out those who share an address with them.
 */
export const rateLimit = fp<RateLimitOptions>(
  async (app, { limits, counters }) => {
    if (!limits) {
      return;
    }
    const known = new Set<string>();
    app.decorateRequest("counted", false);
    app.addHook("onRequest", async (request, reply) => {
      if (isExempt(request) || !counters.isUsedUp(failuresOf(request), limits.failed)) {
        return;
      }
      const digest = digestOf(request);
      if (digest === undefined || !known.has(digest)) {
        request.counted = true;
        throw refusal(reply, counters, `too many requests from ${senderOf(request.ip)} were refused`);
      }
    });
    // Behind all that finds out who asks, and before the body is read.
    app.addHook("preParsing", async (request, reply) => {
      if (isExempt(request) || request.is404) {
        return;
      }
      const { route, scope, heavy } = request.routeOptions.config;
      const isPublic = scope === undefined || scope === "public";
      const digest = isPublic ? undefined : digestOf(request);
      if (digest !== undefined) {
        if (known.size === KNOWN_MAX) {
          known.clear();
        }
        known.add(digest);
      }
      request.counted = true;
      const name = route ? rateClassOf(route, request.query) : heavy ? "heavy" : "read";
      const { actor, known: tenant } = request;
      const own = isPublic ? senderOf(request.ip) : `${actor.tenantId ?? ""}:${actor.subject}`;
      const counted = [
        { policy: name, key: `${name}:${own}` },
        ...(tenant ? [{ policy: `tenant-${name}` as const, key: `tenant-${name}:${tenant.id}` }] : []),
      ];
      const states: string[] = [];
      for (const { policy, key } of counted) {
        const { allowed, left } = await counters.take(key, limits[policy]);
        states.push(`"${policy}";r=${left};t=${counters.resetSeconds}`);
        reply.header("ratelimit", states.join(", "));
        reply.header("ratelimit-policy", counted.map((one) => `"${one.policy}";q=${limits[one.policy]};w=${WINDOW_SECONDS}`).join(", "));
        if (!allowed) {
          const whose = policy === name ? "you have" : `tenant '${tenant?.name}' has`;
          throw refusal(reply, counters, `${whose} made the ${limits[policy]} ${name} requests that are answered in ${WINDOW_SECONDS} s`);
        }
      }
    });
    app.addHook("onResponse", async (request, reply) => {
      if (!request.counted && !isExempt(request) && reply.statusCode >= 400 && reply.statusCode < 500) {
        await counters.take(failuresOf(request), limits.failed);
      }
    });
    app.addHook("onClose", () => counters.close());
  },
  { name: "rate-limit", dependencies: ["problem"] },
);

function isExempt({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.exempt === true;
}

function failuresOf({ ip }: FastifyRequest): string {
  return `failed:${senderOf(ip)}`;
}

function digestOf(request: FastifyRequest): string | undefined {
  const token = bearerOf(request) ?? sessionKeyOf(request);
  return token === undefined ? undefined : createHash("sha256").update(token).digest("base64");
}

function refusal(reply: FastifyReply, { resetSeconds }: SharedCounters, what: string): ClawError {
  reply.header("retry-after", String(resetSeconds));
  return new ClawError("request.rate_limited", `${what}; come again in ${resetSeconds} s`);
}
