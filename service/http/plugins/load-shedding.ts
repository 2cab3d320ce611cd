import underPressure from "@fastify/under-pressure";
import fp from "fastify-plugin";
import { ClawError } from "../../../sdk/contract/index.ts";

/** How late the event loop may be on average: before callers give up. */
const DELAY_MS_MAX = 1_000;
/** The average is of so long. */
const SAMPLE_MS = 3_000;
/** One average alone may be of a single piece of work, as of a start: nobody is turned away before the next one says the same. */
const SAMPLES_MIN = 1.5;

export interface LoadSheddingOptions {
  /** @default 1000 */
  readonly delayMsMax?: number;
  /** @default 3000 */
  readonly sampleMs?: number;
}

/** Turns callers away while the process is behind with what it has taken on, so that it catches up. Probes and agents are answered all the same. */
export const loadShedding = fp<LoadSheddingOptions>(
  async (app, { delayMsMax = DELAY_MS_MAX, sampleMs = SAMPLE_MS }) => {
    let sinceMs = Number.NEGATIVE_INFINITY;
    let lastMs = Number.NEGATIVE_INFINITY;
    await app.register(underPressure, {
      maxEventLoopDelay: delayMsMax,
      sampleInterval: sampleMs,
      pressureHandler: async (request) => {
        const nowMs = performance.now();
        sinceMs = nowMs - lastMs < 2 * sampleMs ? sinceMs : nowMs;
        lastMs = nowMs;
        if (!request.routeOptions.config.exempt && nowMs - sinceMs >= SAMPLES_MIN * sampleMs) {
          throw new ClawError("service.unavailable", "the service is behind with its work; come again in a moment");
        }
      },
    });
  },
  { name: "load-shedding", dependencies: ["problem"] },
);
