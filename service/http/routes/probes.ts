import type { FastifyPluginAsync } from "fastify";
import { openApiDocument } from "../openapi.ts";

export interface ProbeOptions {
  /** Throws when the service can't serve now. */
  readonly assertReady: () => Promise<void>;
}

/** What the service says of itself to whoever asks. */
export const probes: FastifyPluginAsync<ProbeOptions> = async (app, { assertReady }) => {
  const anybody = { config: { scope: "public" } } as const;
  const probe = { config: { scope: "public", exempt: true } } as const;
  const document = JSON.stringify(openApiDocument());
  app.get("/api/v1/openapi.json", anybody, async (_request, reply) => reply.type("application/json").send(document));
  app.get("/healthz", probe, async () => ({ ok: true }));
  app.get("/readyz", probe, async () => {
    await assertReady();
    return { ready: true };
  });
};
