import type { ApiOptions } from "../../service/http/app.ts";

/** What the API is built with where a test is about what comes before any use case. */
export function withoutUseCases(over: Partial<ApiOptions> = {}): ApiOptions {
  const none = {
    rateLimit: {},
    identity: {},
    tenant: {},
    audit: {},
    idempotency: {},
    probes: {},
    signIn: {},
    console: { folder: "" },
    metrics: {},
    routes: { handlers: {} },
    streams: {},
    agents: {},
    relay: {},
  };
  return { ...(none as ApiOptions), ...over };
}
