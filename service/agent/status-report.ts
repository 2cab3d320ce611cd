import { isDeepStrictEqual } from "node:util";
import type { AgentStatus } from "../../sdk/contract/index.ts";

type Listener = (status: AgentStatus) => void;
/** What is told of a claw and its process; the rest is added. */
export type Told = Omit<AgentStatus, "since" | "disk" | keyof OwnWord>;
/** What a running claw says of itself. */
export type OwnWord = Pick<AgentStatus, "config" | "channels">;

/** The status as it was last told, and who wants to hear of changes. */
export class StatusReport {
  #status: AgentStatus;
  readonly #listeners = new Set<Listener>();
  #disk: AgentStatus["disk"];

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
    const { config, channels } = this.#status;
    this.#tell(next, next.phase === "Ready" || next.phase === "Unready" ? { config, channels } : {});
  }

  tellDisk(disk: AgentStatus["disk"]): void {
    this.#disk = disk;
    const { since: _, config, channels, ...told } = this.#status;
    this.#tell(told, { config, channels });
  }

  /** @param word what it said before stands where this has nothing of it */
  tellOwnWord(word: OwnWord): void {
    const { since: _, config, channels, ...told } = this.#status;
    this.#tell(told, { config, channels, ...word });
  }

  #tell({ disk: _, ...next }: Told & Pick<AgentStatus, "disk">, { config, channels }: OwnWord): void {
    const isSamePhase = this.#status.phase === next.phase && this.#status.reason === next.reason;
    const since = isSamePhase ? this.#status.since : new Date().toISOString();
    const disk = this.#disk;
    const status = { ...next, since, ...(config && { config }), ...(disk && { disk }), ...(channels && { channels }) };
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
