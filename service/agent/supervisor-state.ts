import { join } from "node:path";
import { readJson, writeJson } from "./atomic-file.ts";
import { type CrashHistory, noCrashes } from "./back-off.ts";
import type { ClawRecord } from "./claw-process.ts";

/** What the agent itself must not forget over its own restarts. */
export interface SupervisorState {
  readonly claw?: ClawRecord | undefined;
  readonly restarts: number;
  readonly crashes: CrashHistory;
  readonly lastExitCode?: number | undefined;
  /** Not started again while the specification stays the same. */
  readonly failed?: { readonly specDigest: string; readonly reason: string; readonly message: string } | undefined;
  /** Digests of what was done before a start. */
  readonly prepared?: readonly string[] | undefined;
  readonly backOff?: { readonly reason: string; readonly message: string } | undefined;
}

/** The state in `<runDir>/state.json`: every change is on disk before the next step. */
export class StateFile {
  readonly #path: string;
  #state: SupervisorState;

  constructor(runDir: string) {
    this.#path = join(runDir, "state.json");
    this.#state = readJson<SupervisorState>(this.#path) ?? { restarts: 0, crashes: noCrashes };
  }

  get current(): SupervisorState {
    return this.#state;
  }

  /** Keys with the value undefined are forgotten. */
  change(changes: Partial<SupervisorState>): void {
    this.#state = { ...this.#state, ...changes };
    writeJson(this.#path, this.#state);
  }
}
