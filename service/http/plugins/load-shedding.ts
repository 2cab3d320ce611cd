import underPressure from "@fastify/under-pressure";
import fp from "fastify-plugin";
import { ClawError } from "../../../sdk/contract/index.ts";

/** How late the event loop may be on average: before callers give up. */
const DELAY_MS_MAX = 500;
/** The average is of so long that no single large request brings it about. */
const SAMPLE_MS = 3_000;

export interface LoadSheddingOptions {
  /** @default 500 */
  readonly delayMsMax?: number;
  /** @default 3000 */
  readonly sampleMs?: number;
}

/** Turns callers away while the process is behind with what it has taken on, so that it catches up. Probes and agents are answered all the same. */
export const loadShedding = fp<LoadSheddingOptions>(
  async (app, { delayMsMax = DELAY_MS_MAX, sampleMs = SAMPLE_MS }) => {
    await app.register(underPressure, {
      maxEventLoopDelay: delayMsMax,
      sampleInterval: sampleMs,
      pressureHandler: async (request) => {
        if (!request.routeOptions.config.exempt) {
          throw new ClawError("service.unavailable", "the service is behind with its work; come again in a moment");
        }
      },
    });
  },
  { name: "load-shedding", dependencies: ["problem"] },
);
