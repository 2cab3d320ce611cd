import { isDeepStrictEqual } from "node:util";
import type { AgentStatus } from "../../sdk/contract/index.ts";

type Listener = (status: AgentStatus) => void;
/** What is told of a claw and its process; the rest is added. */
export type Told = Omit<AgentStatus, "since" | "config">;

/** The status as it was last told, and who wants to hear of changes. */
export class StatusReport {
  #status: AgentStatus;
  readonly #listeners = new Set<Listener>();

  constructor(first: Told) {
    this.#status = { ...first, since: new Date().toISOString() };
  }

  get current(): AgentStatus {
    return this.#status;
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Tells a status unless it says nothing new. */
  tell(next: Told): void {
    const isRunning = next.phase === "Ready" || next.phase === "Unready";
    this.#tell(next, isRunning ? this.#status.config : undefined);
  }

  tellConfig(config: AgentStatus["config"]): void {
    const { since: _, config: __, ...told } = this.#status;
    this.#tell(told, config);
  }

  #tell(next: Told, config: AgentStatus["config"]): void {
    const isSamePhase = this.#status.phase === next.phase && this.#status.reason === next.reason;
    const since = isSamePhase ? this.#status.since : new Date().toISOString();
    const status = { ...next, since, ...(config && { config }) };
    if (!isDeepStrictEqual(status, this.#status)) {
      this.#status = status;
      for (const listener of [...this.#listeners]) {
        listener(status);
      }
    }
  }

  /** Ends when the condition holds. */
  async until(condition: (status: AgentStatus) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = (status: AgentStatus) => {
        if (condition(status)) {
          this.#listeners.delete(check);
          resolve();
        }
      };
      this.#listeners.add(check);
    });
  }
}
