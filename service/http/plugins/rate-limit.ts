import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ClawError, type Route } from "../../../sdk/contract/index.ts";
import { senderOf } from "../../domain/access/sender-of.ts";
import { type RateClass, type RateLimits, rateClassOf, WINDOW_SECONDS } from "../limits/rate-limits.ts";
import type { SharedCounters } from "../limits/shared-counters.ts";
import { sessionKeyOf } from "../session-cookie.ts";
import { bearerOf } from "./identity.ts";

declare module "fastify" {
  interface FastifyInstance {
    /**
     * Counts a request with tenants that nothing but its body names, once that is read. Only those that whoever asks may act in: else anybody could
     * use up others' limits. @throws {ClawError} `request.rate_limited`
     */
    countTenants(request: FastifyRequest, reply: FastifyReply, tenants: readonly string[]): Promise<void>;
  }
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
      app.decorate("countTenants", async () => undefined);
      return;
    }
    const count = async (request: FastifyRequest, reply: FastifyReply, counted: readonly Counted[]) => {
      for (const { policy, key, whose } of counted) {
        const { allowed, left } = await counters.take(key, limits[policy]);
        append(reply, "ratelimit", `"${policy}";r=${left};t=${counters.resetSeconds}`);
        if (!allowed) {
          const [, name = policy] = /^tenant-(.*)$/.exec(policy) ?? [];
          request.counted = true;
          throw refusal(reply, counters, `${whose} made the ${limits[policy]} ${name} requests that are answered in ${WINDOW_SECONDS} s`);
        }
      }
    };
    app.decorate("countTenants", async (request, reply, tenants) => {
      const name = classOf(request);
      const others = [...new Set(tenants)].filter((tenant) => tenant !== request.known?.name);
      if (isExempt(request) || others.length === 0) {
        return;
      }
      append(reply, "ratelimit-policy", policyText(limits, `tenant-${name}`));
      await count(
        request,
        reply,
        others.map((tenant) => ofTenant(name, tenant)),
      );
    });
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
      const { scope } = request.routeOptions.config;
      const isPublic = scope === undefined || scope === "public";
      const digest = isPublic ? undefined : digestOf(request);
      if (digest !== undefined) {
        if (known.size === KNOWN_MAX) {
          known.clear();
        }
        known.add(digest);
      }
      request.counted = true;
      const name = classOf(request);
      const { actor, known: tenant } = request;
      const own = isPublic ? senderOf(request.ip) : `${actor.tenantId ?? ""}:${actor.subject}`;
      const counted = [{ policy: name, key: `${name}:${own}`, whose: "you have" }, ...(tenant ? [ofTenant(name, tenant.name)] : [])];
      reply.header("ratelimit-policy", counted.map(({ policy }) => policyText(limits, policy)).join(", "));
      await count(request, reply, counted);
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

interface Counted {
  readonly policy: keyof RateLimits;
  readonly key: string;
  readonly whose: string;
}

/** By its name, which a body says as well as a header does: no two tenants have one at a time. */
function ofTenant(name: RateClass, tenant: string): Counted {
  return { policy: `tenant-${name}`, key: `tenant-${name}:${tenant}`, whose: `tenant '${tenant}' has` };
}

function classOf({ routeOptions, query }: FastifyRequest): RateClass {
  const { route, heavy } = routeOptions.config;
  return route ? rateClassOf(route, query) : heavy ? "heavy" : "read";
}

function policyText(limits: RateLimits, policy: keyof RateLimits): string {
  return `"${policy}";q=${limits[policy]};w=${WINDOW_SECONDS}`;
}

/** Once for a policy, however many tenants it is counted for. */
function append(reply: FastifyReply, name: "ratelimit" | "ratelimit-policy", text: string): void {
  const told = String(reply.getHeader(name) ?? "");
  const [policy = ""] = text.split(";");
  if (!told.split(", ").some((item) => item.split(";")[0] === policy)) {
    reply.header(name, told === "" ? text : `${told}, ${text}`);
  }
}

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
