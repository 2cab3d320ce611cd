import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import fp from "fastify-plugin";

export interface BrowserRuleOptions {
  /** The origins whose pages may call, beside those that are served here. @default none */
  readonly origins?: readonly string[];
}

/** How long a browser need not ask again whether it may. */
const PREFLIGHT_SECONDS = 600;

/**
 * Tells browsers what may be done with answers: nothing is run, framed, guessed or sent on. A page that is served here says what it needs beyond
 * that (`helmet` of its route). Nothing may be called by pages of other origins but those listed.
 */
export const browserRules = fp<BrowserRuleOptions>(
  async (app, { origins = [] }) => {
    await app.register(helmet, {
      contentSecurityPolicy: { useDefaults: false, directives: NOTHING },
      referrerPolicy: { policy: "no-referrer" },
      xFrameOptions: { action: "deny" },
    });
    if (origins.length > 0) {
      await app.register(cors, {
        origin: [...origins],
        methods: ["GET", "POST", "PUT", "DELETE"],
        allowedHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Claw-Tenant"],
        exposedHeaders: ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
        maxAge: PREFLIGHT_SECONDS,
      });
    }
  },
  { name: "browser-rules" },
);

/** What a page may load: nothing. */
export const NOTHING = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};
