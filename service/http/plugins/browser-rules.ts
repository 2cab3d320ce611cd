import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import fp from "fastify-plugin";
import { ClawError } from "../../../sdk/contract/index.ts";

export interface BrowserRuleOptions {
  /** The origins whose pages may call, beside those that are served here. @default none */
  readonly origins?: readonly string[];
}

const ORIGIN_SHOWN = 100;
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
    // A page of any origin may open a WebSocket with the browser's cookies: here it is told from ours.
    app.addHook("onRequest", async ({ ws, headers: { origin }, host }) => {
      if (ws && origin !== undefined && hostOf(origin) !== host && !origins.includes(origin)) {
        throw new ClawError(
          "auth.forbidden",
          `pages of '${origin.slice(0, ORIGIN_SHOWN)}' may not open streams here; list it in CLAW_CORS_ORIGINS`,
        );
      }
    });
    if (origins.length > 0) {
      await app.register(cors, {
        origin: [...origins],
        methods: ["GET", "POST", "PUT", "DELETE"],
        allowedHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Claw-Tenant"],
        exposedHeaders: ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Warning", "X-Request-Id"],
        maxAge: PREFLIGHT_SECONDS,
      });
    }
  },
  { name: "browser-rules", dependencies: ["problem", "web-sockets"] },
);

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** What a page may load: nothing. */
export const NOTHING = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};
