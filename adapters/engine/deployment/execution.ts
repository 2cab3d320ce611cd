import type { ResourceState } from "../contract/checkpoint.ts";
import type { OperationRequest } from "../operation.ts";
import type { BaseState } from "./base-state.ts";
import { CallbackClients } from "./callbacks/callback-clients.ts";
import { Hooks } from "./callbacks/hooks.ts";
import type { Events } from "./events.ts";
import type { ProviderRegistry } from "./providers.ts";
import type { Snapshot } from "./snapshot.ts";

/** An error that was reported already: it only ends the operation. */
export class BailError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BailError";
  }
}

/** What all parts of one operation share. */
export class Execution {
  readonly request: OperationRequest;
  readonly base: BaseState;
  readonly snapshot: Snapshot;
  readonly events: Events;
  readonly providers: ProviderRegistry;
  readonly callbacks: CallbackClients;
  readonly hooks: Hooks;
  /** States that this operation made or confirmed, and those it read. */
  readonly news = new Map<string, ResourceState>();
  readonly reads = new Map<string, ResourceState>();
  /** URNs whose deletion this operation decided on. */
  readonly deletes = new Set<string>();
  /** The operation goes on no further: a step failed, the program failed, or it was cancelled. */
  readonly stop = new AbortController();
  /** A provider call ended in a way that says nothing about the resource. */
  maybeCorrupt = false;
  sawError = false;
  /** An error other than a step's ended the operation. */
  bailed = false;

  constructor(request: OperationRequest, parts: { base: BaseState; snapshot: Snapshot; events: Events; providers: ProviderRegistry }) {
    this.request = request;
    this.base = parts.base;
    this.snapshot = parts.snapshot;
    this.events = parts.events;
    this.providers = parts.providers;
    this.callbacks = new CallbackClients(request.signal);
    this.hooks = new Hooks(this.callbacks, request.dryRun, (message, urn) => this.events.diagnostic("warning", message, urn));
  }

  get dryRun(): boolean {
    return this.request.dryRun;
  }
  get stopped(): boolean {
    return this.stop.signal.aborted;
  }

  /** Reports an error unless that was done, and stops the operation. */
  fail(error: unknown, urn?: string): void {
    this.sawError = true;
    if (!this.stopped) {
      this.bailed = true;
    }
    if (!(error instanceof BailError) && !this.snapshot.failure) {
      this.events.diagnostic("error", error instanceof Error ? error.message : String(error), urn);
    }
    this.stop.abort();
  }
  /** Reports an error of something that came after a step, which is done: nothing further begins, unless errors do not stop the operation. */
  failAfterStep(message: string, urn: string): void {
    this.sawError = true;
    this.events.diagnostic("error", message, urn);
    if (!this.request.options.continueOnError) {
      this.stop.abort();
    }
  }
  /** Reports an error, then throws what ends the work at hand. */
  bail(message: string, urn?: string): never {
    this.sawError = true;
    this.events.diagnostic("error", message, urn);
    throw new BailError(message);
  }
}

/** Lets `width` tasks run at a time, in the order in which they came. */
export class Limiter {
  readonly #width: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(width: number) {
    this.#width = Math.max(1, width);
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#width) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await task();
    } finally {
      // The slot goes to the next one directly, so nobody overtakes.
      const next = this.#waiting.shift();
      if (next) {
        next();
      } else {
        this.#running--;
      }
    }
  }
}
