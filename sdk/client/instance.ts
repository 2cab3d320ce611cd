import type { ClawInstance, ClawInstanceInput, InstanceEvent, InstanceLogs, MetricsItem } from "../contract/index.ts";
import type { PagePromise } from "./page.ts";
import type { Plan } from "./plan.ts";
import type { Progress, WaitGoal } from "./progress.ts";
import type { Chat, Duplex, Terminal } from "./sessions.ts";
import type { RequestOptions } from "./transport.ts";

/** What every stream takes. */
export interface StreamOptions {
  /** Ends the stream; iterating over it then throws a {@link UserAbortError}. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectOptions extends StreamOptions {
  /**
   * A random secret of one's own, of which the service gets a digest: whoever presents it where the claw wants its token is signed in, over HTTP and
   * WebSockets. So nobody needs the claw's token.
   */
  readonly pass?: string | undefined;
}

/** How a log is followed. */
export interface FollowLogsOptions extends StreamOptions {
  /** @default 200 */
  readonly tailLines?: number | undefined;
  /** Called where lines are missing, with the reason: they were rotated away before they were read, for one. */
  readonly onGap?: ((message: string) => void) | undefined;
}

/** What an instance does and takes at a time. */
export type Metrics = Omit<MetricsItem, "type">;

/** How an instance is watched. */
export interface WatchOptions extends StreamOptions {
  /** How long after one look the next is taken; while many are watched, longer. @default 1000 */
  readonly intervalMs?: number;
}

/** Which instances are watched together. */
export interface WatchAllOptions extends StreamOptions {
  /** As of a list: `team=red,env!=prod`. @default all */
  readonly labelSelector?: string | undefined;
  /** As of a list: `metadata.name=web`. @default all */
  readonly fieldSelector?: string | undefined;
  /** Called when the stream has broken off, and each time that it is tried to open it again. */
  readonly onBroken?: (() => void) | undefined;
}

/**
 * What is told of instances that are watched together: how some are now, that some are gone, that all have been told. `anew`: the stream broke off and
 * all are told again; those that are not, until it is `synced`, are gone.
 */
export type FleetChange =
  | { readonly type: "instances"; readonly items: readonly ClawInstance[] }
  | { readonly type: "gone"; readonly uids: readonly string[] }
  | { readonly type: "synced" }
  | { readonly type: "anew" };

/** What is waited for, and how long. */
export interface WaitOptions<G extends WaitGoal = WaitGoal> extends StreamOptions {
  /** @default "Declared" */
  readonly until?: G;
  /** @default 300000 */
  readonly timeoutMs?: number;
  /** Called at the first look and after each change. The instance is absent where there is none any more. */
  readonly onProgress?: ((progress: Progress, instance: Instance | undefined) => void) | undefined;
}

/** The instance as it then is; nothing where it was waited for to be gone. */
export type Waited<G extends WaitGoal> = G extends "Destroyed" ? undefined : Instance;

/** What `claw.instances` has besides the routes. */
export interface InstanceStreams {
  /** Opens a conversation. `session` keeps turns together over several streams. @default session "default" */
  chat(id: string, options?: StreamOptions & { readonly session?: string | undefined }): Promise<Chat>;
  /**
   * The last `tailLines` log lines, then each line as it is written. When the connection, the control plane or the instance's agent goes away, it
   * goes on where it was as soon as they are back.
   */
  followLogs(id: string, options?: FollowLogsOptions): AsyncGenerator<string, void, undefined>;
  /** How the instance does and what it takes, now and whenever that is another, within seconds. */
  followMetrics(id: string, options?: StreamOptions): AsyncGenerator<Metrics, void, undefined>;
  /** Opens a terminal inside the instance. */
  terminal(id: string, size: { readonly cols: number; readonly rows: number }, options?: StreamOptions): Promise<Terminal>;
  /** Opens a TCP connection to the instance's port through the control plane. */
  connect(id: string, options?: ConnectOptions): Promise<Duplex>;
  /** The instance now and after each change, until it is gone. @throws {NotFoundError} when there is none to begin with */
  watch(id: string, options?: WatchOptions): AsyncGenerator<Instance, void, undefined>;
  /**
   * All instances that a list would have, then each that changes and which are gone, within a second of the change, over one stream. It goes on by
   * itself when the control plane has been away.
   */
  watchAll(options?: WatchAllOptions): AsyncGenerator<FleetChange, void, undefined>;
  /**
   * Waits until the instance is as declared, or as `until` says.
   * @throws {WaitError} when it can't get there, {@link WaitTimeoutError} when it does not in time
   */
  wait<G extends WaitGoal = "Declared">(id: string, options?: WaitOptions<G>): Promise<Waited<G>>;
}

/** Options of a write on an instance. With `preview` it changes nothing and answers the plan of what it would do. */
export interface InstanceWriteOptions extends RequestOptions {
  readonly preview?: true;
}

interface Removal {
  readonly purgeData?: boolean;
  readonly forget?: boolean;
}

/** The plan where a preview was asked for, else the instance. */
export type Written<O> = O extends { readonly preview: true } ? Plan : Instance;

type Write = (id: string, options?: InstanceWriteOptions) => Promise<Instance | Plan>;

/** The calls that a handle makes. */
export interface InstanceCalls extends InstanceStreams {
  get(id: string, options?: RequestOptions): Promise<Instance>;
  replace(id: string, manifest: ClawInstanceInput, options?: InstanceWriteOptions): Promise<Instance | Plan>;
  readonly start: Write;
  readonly stop: Write;
  readonly restart: Write;
  readonly kill: Write;
  delete(id: string, options?: InstanceWriteOptions & Removal): Promise<Instance | Plan>;
  logs(id: string, query?: { readonly tailLines?: number }, options?: RequestOptions): Promise<InstanceLogs>;
  events(id: string, query?: { readonly limit?: number }, options?: RequestOptions): PagePromise<InstanceEvent>;
}

/**
 * An instance as it was answered, and what can be done with it. Its fields are those of a {@link ClawInstance} and nothing else; they stay
 * as they are, and what changes the instance answers another handle. It is addressed by its uid: one of the same name that somebody made
 * later is another instance.
 * @example
 * const web = await claw.instances.create({ apiVersion: "clusterclaw.io/v1", kind: "ClawInstance", metadata: { name: "web" }, spec: { type: "Echo" } });
 * await web.wait({ until: "Ready" });
 */
export class Instance implements ClawInstance {
  declare readonly apiVersion: ClawInstance["apiVersion"];
  declare readonly kind: ClawInstance["kind"];
  declare readonly metadata: ClawInstance["metadata"];
  declare readonly spec: ClawInstance["spec"];
  declare readonly status: ClawInstance["status"];
  readonly #calls: InstanceCalls;

  /** @internal */
  constructor(answered: ClawInstance, calls: InstanceCalls) {
    this.#calls = calls;
    Object.assign(this, answered);
  }

  /** The instance as it is now. */
  refresh(options?: RequestOptions): Promise<Instance> {
    return this.#calls.get(this.metadata.uid, options);
  }

  /**
   * Waits until it is as declared, or as `until` says.
   * @throws {WaitError} when it can't get there, {@link WaitTimeoutError} when it does not in time
   */
  wait<G extends WaitGoal = "Declared">(options?: WaitOptions<G>): Promise<Waited<G>> {
    return this.#calls.wait(this.metadata.uid, options);
  }

  /** How it is now and after each change, until it is gone. */
  watch(options?: WatchOptions): AsyncGenerator<Instance, void, undefined> {
    return this.#calls.watch(this.metadata.uid, options);
  }

  /**
   * Replaces its specification: `web.replace({ ...web, spec: { ...web.spec, replicas: 2 } })`. Refused when it has changed since it was read.
   * @throws {ConflictError} when it has
   */
  replace<O extends InstanceWriteOptions>(manifest: ClawInstanceInput, options?: O): Promise<Written<O>> {
    return this.#calls.replace(this.metadata.uid, manifest, options) as Promise<Written<O>>;
  }

  start<O extends InstanceWriteOptions>(options?: O): Promise<Written<O>> {
    return this.#calls.start(this.metadata.uid, options) as Promise<Written<O>>;
  }

  /** Stops it; a turn in flight may finish. */
  stop<O extends InstanceWriteOptions>(options?: O): Promise<Written<O>> {
    return this.#calls.stop(this.metadata.uid, options) as Promise<Written<O>>;
  }

  restart<O extends InstanceWriteOptions>(options?: O): Promise<Written<O>> {
    return this.#calls.restart(this.metadata.uid, options) as Promise<Written<O>>;
  }

  /** Kills its processes at once and keeps it stopped. */
  kill<O extends InstanceWriteOptions>(options?: O): Promise<Written<O>> {
    return this.#calls.kill(this.metadata.uid, options) as Promise<Written<O>>;
  }

  /**
   * Destroys it. Its data is kept unless `purgeData` or its deletion policy says otherwise. With `forget`, one on a cluster that can't be
   * reached is let go of at once, and what it has there is left.
   */
  delete<O extends InstanceWriteOptions & Removal>(options?: O): Promise<Written<O>> {
    return this.#calls.delete(this.metadata.uid, options) as Promise<Written<O>>;
  }

  /** Opens a conversation. `session` keeps turns together over several of them. @default session "default" */
  chat(options?: Parameters<InstanceStreams["chat"]>[1]): Promise<Chat> {
    return this.#calls.chat(this.metadata.uid, options);
  }

  /** The last `tailLines` lines of its log; with `follow` then each line as it is written. */
  async *logs(options: FollowLogsOptions & { readonly follow?: boolean } = {}): AsyncGenerator<string, void, undefined> {
    const { follow, signal, tailLines, onGap } = options;
    if (follow) {
      yield* this.#calls.followLogs(this.metadata.uid, { tailLines, signal, onGap });
    } else {
      yield* (await this.#calls.logs(this.metadata.uid, tailLines === undefined ? {} : { tailLines }, { signal })).lines;
    }
  }

  /** How it does and what it takes, now and whenever that is another. */
  metrics(options?: StreamOptions): AsyncGenerator<Metrics, void, undefined> {
    return this.#calls.followMetrics(this.metadata.uid, options);
  }

  /** What happened to it, newest first. */
  events(query?: { readonly limit?: number }, options?: RequestOptions): PagePromise<InstanceEvent> {
    return this.#calls.events(this.metadata.uid, query, options);
  }

  /** Opens a terminal inside it. */
  terminal(size: { readonly cols: number; readonly rows: number }, options?: StreamOptions): Promise<Terminal> {
    return this.#calls.terminal(this.metadata.uid, size, options);
  }

  /** Opens a TCP connection to its port through the control plane. */
  connect(options?: ConnectOptions): Promise<Duplex> {
    return this.#calls.connect(this.metadata.uid, options);
  }
}

/** Whether an answer has what the methods of a handle, and whoever waits, look at. */
export function isInstance(answer: unknown): answer is ClawInstance {
  const { metadata, spec, status } = (answer ?? {}) as { [K in keyof ClawInstance]?: Partial<ClawInstance[K]> };
  return (
    typeof metadata?.uid === "string" &&
    typeof metadata.generation === "number" &&
    typeof spec === "object" &&
    spec !== null &&
    typeof status?.phase === "string" &&
    Array.isArray(status.conditions)
  );
}
