import { isDeepStrictEqual } from "node:util";
import type { ClawRuntime, HttpProbe } from "../../sdk/contract/index.ts";
import { probe } from "./probe.ts";

/** What a round of probes says; absent where there is nothing new. */
export interface Health {
  /** Why the claw is to be restarted. */
  readonly dead?: string;
  readonly isReady?: boolean;
  /** Why it is not ready. */
  readonly unready?: string;
}

interface Check {
  readonly kinds: readonly ("readiness" | "liveness")[];
  readonly spec: HttpProbe;
  dueMs: number;
  failures: number;
}

/** The readiness and the liveness probe of a running claw, each in its period. */
export class HealthChecks {
  readonly #checks: readonly Check[];

  constructor({ readiness, liveness }: ClawRuntime["probes"]) {
    const check = (spec: HttpProbe, ...kinds: Check["kinds"]): Check => ({ kinds, spec, dueMs: 0, failures: 0 });
    this.#checks = isDeepStrictEqual(readiness, liveness)
      ? [check(readiness, "readiness", "liveness")]
      : [check(readiness, "readiness"), check(liveness, "liveness")];
  }

  /** When the next probe is due. */
  get dueMs(): number {
    return Math.min(...this.#checks.map((check) => check.dueMs));
  }

  /** Makes the probes that are due. */
  async run(port: number): Promise<Health> {
    let health: Health = {};
    for (const check of this.#checks.filter(({ dueMs }) => dueMs <= Date.now())) {
      const failure = await probe(port, check.spec);
      check.dueMs = Date.now() + check.spec.periodSeconds * 1000;
      check.failures = failure === undefined ? 0 : check.failures + 1;
      health = { ...health, ...judge(check, failure) };
    }
    return health;
  }
}

function judge({ kinds, spec, failures }: Check, failure: string | undefined): Health {
  if (failure === undefined) {
    return kinds.includes("readiness") ? { isReady: true } : {};
  }
  if (failures < spec.failureThreshold) {
    return {};
  }
  return {
    ...(kinds.includes("liveness") ? { dead: `The liveness probe failed ${failures} times: ${failure}.` } : {}),
    ...(kinds.includes("readiness") ? { unready: failure } : {}),
  };
}
