import { type ChildProcess, fork } from "node:child_process";
import { ClawError, clusterOf, type StackIdentity } from "../../sdk/contract/index.ts";
import {
  type OnProgress,
  OperationLostError,
  type StackOperation,
  type StackOperations,
  type StackResult,
  type StackScan,
  type TenantStack,
} from "../../service/application/ports/stacks/stack-operations.ts";
import type { StateJobs } from "./stack-state.ts";
import { type OperationKind, type WorkerReply, WorkerReplySchema, type WorkerRequest } from "./worker-messages.ts";

export interface PoolOptions {
  /** The worker's entry file. */
  readonly entry: URL;
  /**
   * Most operations at a time on one cluster, or on this host; twice as many on all of them together, so that none that hangs holds up the
   * others. A job on a stack's state never waits for an operation. One warm process is kept while idle.
   */
  readonly size: number;
  /** Beside the service's own environment without its settings, which hold the master key. */
  readonly env: Readonly<Record<string, string>>;
  /** Where workers keep their compiled code, which halves what a start costs; Node's own setting comes first. */
  readonly cacheDir?: string;
  /** @default 15 minutes */
  readonly timeoutMs?: number;
  /** Called when a process died in an operation, before that is told: it can free what the dead one held. */
  readonly onLost: (stack: TenantStack) => Promise<void>;
  readonly stackName: (stack: StackIdentity) => string;
}

/** A worker that served this many operations is replaced: Pulumi's runtime leaks a little with each. */
const OPERATIONS_PER_WORKER = 500;
const IDLE_MS = 60_000;
/** Beyond it nobody would see the end of a tenant's queue before giving up. */
const WAITING_PER_TENANT_MAX = 100;
/** One that grew with a large stack is replaced as soon as nobody needs it: it would keep the memory, and a start costs half a second. */
const RESIDENT_BYTES_MAX = 250 * 2 ** 20;
const LARGE_IDLE_MS = 5_000;

interface Job {
  readonly request: WorkerRequest;
  readonly onProgress: OnProgress | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Worker {
  readonly child: ChildProcess;
  ready: boolean;
  job: Job | undefined;
  served: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/**
 * Runs stack operations in child processes, one at a time each: Pulumi's Node runtime installs process-wide handlers, so a program's
 * stray rejection must cost its own operation only. A process that dies or hangs fails its operation and is replaced.
 */
export function createOperationPool(options: PoolOptions): StackOperations & StateJobs {
  const workers = new Set<Worker>();
  const leaving = new Set<Worker>();
  const queue: Job[] = [];
  /** When a job of a tenant was taken last, while others wait. */
  const served = new Map<string, number>();
  let serving = 0;
  let closed = false;

  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("CLAW_"));
  const start = (): Worker => {
    const child = fork(options.entry, [], {
      env: {
        ...(options.cacheDir !== undefined && { NODE_COMPILE_CACHE: options.cacheDir }),
        ...Object.fromEntries(inherited),
        ...options.env,
      },
      // A worker is short of work, not of speed: with a small young generation it holds 200 MB where it would grow to 350.
      execArgv: ["--disable-warning=ExperimentalWarning", "--expose-gc", "--max-semi-space-size=8"],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const worker: Worker = { child, ready: false, job: undefined, served: 0, idleTimer: undefined };
    workers.add(worker);
    child.on("message", (message) => {
      const { data: reply } = WorkerReplySchema.safeParse(message);
      if (!reply) {
        // Whatever it was about, its job can't be trusted any more; the others' workers go on.
        child.kill("SIGKILL");
        return;
      }
      if (reply.type === "ready") {
        worker.ready = true;
      } else if (reply.type === "progress") {
        worker.job?.onProgress?.(reply.news);
        return;
      } else {
        finish(worker, reply);
      }
      dispatch();
    });
    const ended = (how: string) => {
      workers.delete(worker);
      leaving.delete(worker);
      clearTimeout(worker.idleTimer);
      const job = worker.job;
      worker.job = undefined;
      if (job) {
        const failure = new OperationLostError(how);
        void options
          .onLost(stackOf(job.request))
          .catch(() => undefined)
          .then(() => job.reject(failure));
      }
      if (!closed && (queue.length > 0 || workers.size === 0)) {
        // A process that can't even start must not be started in a tight loop.
        setTimeout(fill, worker.ready ? 0 : 1000).unref();
      }
    };
    child.on("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
    child.on("error", (error) => {
      // It did not start, or its channel broke before its end was told: what was sent to it then is lost with it.
      if (child.pid === undefined) {
        ended(error.message);
      } else {
        child.kill("SIGKILL");
      }
    });
    return worker;
  };

  const stackOf = (request: WorkerRequest): TenantStack =>
    request.type === "state" ? request.stack : { tenantId: request.operation.tenantId, stack: options.stackName(request.operation.spec) };

  const running = () => [...workers].flatMap(({ job }) => job ?? []);

  /** The jobs that may run beside those that do, in the order given. @param jobs those that run, then those that wait */
  const admissible = (jobs: readonly Job[]): Job[] => {
    const counts = new Map<string | undefined, number>();
    let operations = 0;
    return jobs.filter((job) => {
      const place = placeOf(job);
      const count = counts.get(place) ?? 0;
      const isFree = place === undefined ? count < 1 : count < options.size && operations < 2 * options.size;
      if (isFree) {
        counts.set(place, count + 1);
        operations += place === undefined ? 0 : 1;
      }
      return isFree;
    });
  };

  const tenantOf = ({ request }: Job) => stackOf(request).tenantId;

  /** Those that wait, one of each tenant after the other: who has much waiting keeps nobody else from running. */
  const inTurns = (): Job[] => {
    const servedAt = (job: Job) => served.get(tenantOf(job)) ?? 0;
    const counts = new Map<string, number>();
    const turns = new Map<Job, number>();
    for (const job of [...running(), ...queue]) {
      const turn = counts.get(tenantOf(job)) ?? 0;
      turns.set(job, turn);
      counts.set(tenantOf(job), turn + 1);
    }
    return queue.toSorted((one, other) => (turns.get(one) ?? 0) - (turns.get(other) ?? 0) || servedAt(one) - servedAt(other));
  };

  const takeJob = (): Job | undefined => {
    const next = admissible([...running(), ...inTurns()]).find((job) => queue.includes(job));
    if (next) {
      queue.splice(queue.indexOf(next), 1);
      served.set(tenantOf(next), ++serving);
    }
    if (queue.length === 0) {
      served.clear();
    }
    return next;
  };

  const fill = () => {
    const wanted = Math.max(1, admissible([...running(), ...inTurns()]).length);
    while (!closed && workers.size < wanted) {
      start();
    }
    dispatch();
  };

  const dispatch = () => {
    for (const worker of workers) {
      const job = worker.ready && !worker.job && worker.child.connected ? takeJob() : undefined;
      if (job) {
        clearTimeout(worker.idleTimer);
        worker.job = job;
        worker.served++;
        worker.child.send(job.request);
        const timer = setTimeout(() => worker.child.kill("SIGKILL"), options.timeoutMs ?? 15 * 60_000);
        timer.unref();
        worker.idleTimer = timer;
      }
    }
  };

  const finish = (worker: Worker, reply: Extract<WorkerReply, { type: "result" | "error" }>) => {
    const job = worker.job;
    worker.job = undefined;
    clearTimeout(worker.idleTimer);
    if (reply.type === "result") {
      job?.resolve(reply.result);
    } else {
      job?.reject(new ClawError(reply.code, reply.message, { issues: reply.issues }));
    }
    if (worker.served >= OPERATIONS_PER_WORKER) {
      dismiss(worker);
    } else {
      const isLarge = reply.residentBytes > RESIDENT_BYTES_MAX;
      worker.idleTimer = setTimeout(() => retire(worker, isLarge), isLarge ? LARGE_IDLE_MS : IDLE_MS).unref();
    }
  };

  const retire = (worker: Worker, isLarge: boolean) => {
    if (closed || worker.job || (workers.size === 1 && !isLarge)) {
      return;
    }
    dismiss(worker);
  };

  /** It ends by itself once its channel is closed; another takes its place where one is wanted. */
  const dismiss = (worker: Worker) => {
    workers.delete(worker);
    leaving.add(worker);
    worker.child.disconnect();
    fill();
  };

  const submit = <T>(request: WorkerRequest, onProgress?: OnProgress) =>
    new Promise<T>((resolve, reject) => {
      if (closed) {
        reject(new ClawError("service.unavailable", "the service is shutting down"));
        return;
      }
      const job = { request, onProgress, resolve: resolve as Job["resolve"], reject };
      if (request.type === "operation" && queue.filter((other) => tenantOf(other) === tenantOf(job)).length >= WAITING_PER_TENANT_MAX) {
        reject(
          new ClawError("request.rate_limited", `${WAITING_PER_TENANT_MAX} operations of the tenant wait already; come again in a moment`),
        );
        return;
      }
      queue.push(job);
      fill();
    });
  const run =
    <T = StackResult>(kind: OperationKind) =>
    (operation: StackOperation, onProgress?: OnProgress) =>
      submit<T>({ type: "operation", kind, operation }, onProgress);
  const state =
    <J extends keyof StateJobs>(job: J) =>
    (stack: TenantStack, ...args: unknown[]) =>
      submit<Awaited<ReturnType<StateJobs[J]>>>({ type: "state", job, stack, args });

  fill();
  return {
    preview: run("preview"),
    up: run("up"),
    refresh: run("refresh"),
    destroy: run("destroy"),
    scan: run<StackScan>("scan"),
    exportState: state("exportState"),
    listHeld: state("listHeld"),
    importState: state("importState"),
    forget: state("forget"),
    history: state("history"),
    migrate: state("migrate"),
    releaseLock: state("releaseLock"),
    async close() {
      closed = true;
      for (const job of queue.splice(0)) {
        job.reject(new ClawError("service.unavailable", "the service is shutting down"));
      }
      await Promise.all(
        [...workers, ...leaving].map(
          ({ child }) =>
            new Promise<void>((resolve) => {
              child.once("exit", () => resolve());
              // A worker ends by itself when its channel closes, after the operation it is in.
              if (child.connected) {
                child.disconnect();
              }
            }),
        ),
      );
    },
  };
}

/** The cluster that an operation is on, by name; undefined for a job on a stack's state. */
function placeOf({ request }: Job): string | undefined {
  return request.type === "state" ? undefined : clusterOf(request.operation.spec.target);
}
