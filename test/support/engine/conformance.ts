// One file, though a long one: both engines beside what is compared of them, so that neither is asked more than the other.
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  DestroyOptions,
  EngineEvent,
  OutputMap,
  PreviewOptions,
  RefreshOptions,
  Stack,
  UpOptions,
} from "@pulumi/pulumi/automation/index.js";
import { LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { afterAll, type ExpectStatic, it } from "vitest";
import { EmbeddedCommand } from "../../../adapters/engine/command/embedded-command.ts";
import type { Deployment, PendingOperation, ResourceState } from "../../../adapters/engine/contract/checkpoint.ts";
import type { ResourceProvider } from "../../../adapters/engine/contract/provider.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import { listenAsPlugin } from "../../../adapters/engine/plugins/serve-provider.ts";
import { LocalKeyWrapper } from "../../../adapters/engine/secrets/envelope.ts";
import { openPassphrase } from "../../../adapters/engine/secrets/passphrase.ts";
import { mapStateValues, revealSecrets } from "../../../adapters/engine/secrets/secret-values.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { createEngineDatabase, type EngineDatabase } from "./database.ts";
import { normaliseCheckpoint, normaliseEvents } from "./normalise.ts";
import { hasCli, isOnPath, NO_CLI } from "./pulumi-cli.ts";
import { TestProvider } from "./test-provider.ts";
import { MemoryWorld } from "./test-world.ts";

export type Program = () => unknown;
const PROJECT_NAME = "conf";
const PASSPHRASE = "conformance";
const TENANT = "ten_conformance";

export interface Outcome {
  readonly ok: boolean;
  /** The Automation API's error class. */
  readonly error?: string;
  readonly exitCode: number;
  /** What the user reads when it fails. */
  readonly message: string;
  readonly changes: Readonly<Record<string, number>>;
  /** `op name` of each step in the order of their starts; internal provider steps and the root stack left out. */
  readonly steps: readonly string[];
  /** Warnings and errors, without the closing line of a failed operation. */
  readonly diagnostics: readonly string[];
  readonly events: readonly EngineEvent[];
}

/** One engine with a world of its own. Records everything that both engines must agree on. */
export class ConformanceStack {
  readonly world: MemoryWorld;
  readonly name: string;
  readonly record: unknown[] = [];
  readonly #backend: Backend;
  readonly #close: () => Promise<void>;
  readonly #stack: Stack;
  readonly #others: ConformanceStack[] = [];
  #program: Program = () => undefined;

  private constructor(name: string, backend: Backend, stack: Stack, world: MemoryWorld, close: () => Promise<void>) {
    this.name = name;
    this.#backend = backend;
    this.#stack = stack;
    this.world = world;
    this.#close = close;
  }

  static async open(backend: Backend, name: string, world = new MemoryWorld()): Promise<ConformanceStack> {
    const engine = await backend.engine(world);
    const holder: { stack?: ConformanceStack } = {};
    const stack = await LocalWorkspace.createStack(
      { stackName: name, projectName: PROJECT_NAME, program: async () => holder.stack?.runProgram() },
      { pulumiCommand: engine.command, envVars: { ...engine.env, PULUMI_CONFIG_PASSPHRASE: PASSPHRASE } },
    );
    holder.stack = new ConformanceStack(name, backend, stack, world, async () => {
      await engine.close();
      rmSync(stack.workspace.workDir, { recursive: true, force: true });
    });
    return holder.stack;
  }

  /** The Automation API's own stack, for what is not a deployment. */
  get api(): Stack {
    return this.#stack;
  }

  private async runProgram(): Promise<Record<string, unknown> | undefined> {
    return (await this.#program()) as Record<string, unknown> | undefined;
  }

  /** A second stack of the same engine and world. Its record is part of this one's. */
  async another(suffix: string): Promise<ConformanceStack> {
    const other = await ConformanceStack.open(this.#backend, `${this.name}-${suffix}`, this.world);
    this.#others.push(other);
    this.record.push(other.record);
    return other;
  }

  up(program?: Program, options: UpOptions = {}): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.#stack.up({ ...options, onEvent }));
  }
  preview(program?: Program, options: PreviewOptions = {}): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.#stack.preview({ ...options, onEvent }));
  }
  /** The program matters with `runProgram` only. */
  refresh(options: RefreshOptions = {}, program?: Program): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.#stack.refresh({ ...options, onEvent }));
  }
  previewRefresh(options: RefreshOptions = {}): Promise<Outcome> {
    return this.#operate(undefined, (onEvent) => this.#stack.previewRefresh({ ...options, onEvent }));
  }
  destroy(options: DestroyOptions = {}, program?: Program): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.#stack.destroy({ ...options, onEvent }));
  }
  previewDestroy(options: DestroyOptions = {}): Promise<Outcome> {
    return this.#operate(undefined, (onEvent) => this.#stack.previewDestroy({ ...options, onEvent }));
  }
  /** Stack outputs through the API. The operations above do not fetch them, to save the CLI's time. */
  outputs(): Promise<OutputMap> {
    return this.asking(() => this.#stack.outputs());
  }
  /** For calls of the API that ask for outputs or history themselves. */
  asking<T>(work: () => Promise<T>): Promise<T> {
    return this.#backend.withAllCommands(work);
  }

  /** Leaves the stack as a crash would that interrupted these operations. */
  interrupt(...operations: PendingOperation[]): Promise<void> {
    return this.#backend.interrupt(this.#stack, operations);
  }

  /** The checkpoint, secrets in plaintext form. */
  async checkpoint(): Promise<{ resources: ResourceState[]; pending: PendingOperation[] }> {
    const deployment = await this.#backend.deployment(this.#stack);
    return { resources: deployment.resources ?? [], pending: deployment.pending_operations ?? [] };
  }
  async resources(): Promise<ResourceState[]> {
    return (await this.checkpoint()).resources;
  }
  /** The one live state of this name. */
  async resource(name: string): Promise<ResourceState | undefined> {
    return (await this.resources()).find((state) => state.urn.endsWith(`::${name}`) && !state.delete);
  }
  /** Names of states other than the root stack and default providers, in checkpoint order. */
  async names(): Promise<string[]> {
    const states = await this.resources();
    return states.filter((state) => !isInternal(state.urn)).map((state) => `${nameOf(state.urn)}${state.delete ? " (delete)" : ""}`);
  }

  async close(): Promise<void> {
    for (const other of this.#others) {
      await other.close();
    }
    await this.#close();
  }

  async #operate(program: Program | undefined, run: (onEvent: (event: EngineEvent) => void) => Promise<unknown>): Promise<Outcome> {
    if (program) {
      this.#program = program;
    }
    const events: EngineEvent[] = [];
    let failure: Error | undefined;
    await run((event) => events.push(event)).catch((error: Error) => {
      failure = error;
    });
    const message = failure?.message ?? "";
    const exitCode = Number(/exit code (\d+)/.exec(message)?.[1] ?? 0);
    const summary = events.find((event) => event.summaryEvent)?.summaryEvent;
    const outcome: Outcome = {
      ok: failure === undefined,
      ...(failure && { error: failure.name }),
      exitCode,
      message,
      changes: { ...summary?.resourceChanges },
      steps: events.flatMap(({ resourcePreEvent }) => {
        if (!resourcePreEvent || isInternal(resourcePreEvent.metadata.urn)) {
          return [];
        }
        return [`${resourcePreEvent.metadata.op} ${nameOf(resourcePreEvent.metadata.urn)}`];
      }),
      diagnostics: diagnosticsOf(events),
      events,
    };
    this.record.push({
      operation: this.record.length,
      ok: outcome.ok,
      error: outcome.error,
      exitCode,
      events: normaliseEvents(events),
      checkpoint: normaliseCheckpoint(await this.checkpoint()),
    });
    return outcome;
  }
}

function isInternal(urn: string): boolean {
  return urn.includes("::pulumi:pulumi:Stack::") || /::pulumi:providers:[^:]+::default/.test(urn);
}
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}
function diagnosticsOf(events: readonly EngineEvent[]): string[] {
  return events.flatMap(({ diagnosticEvent }) => {
    if (!diagnosticEvent || diagnosticEvent.ephemeral) {
      return [];
    }
    const { severity, message } = diagnosticEvent;
    const text = message.replaceAll(/<\{%.*?%\}>/g, "").trim();
    if ((severity as string) === "debug" || /^(update|preview|refresh|destroy) (failed|canceled)$/.test(text)) {
      return [];
    }
    return [`${severity}: ${text}`];
  });
}

export interface Backend {
  engine(world: MemoryWorld): Promise<{ command: PulumiCommand; env: Record<string, string>; close(): Promise<void> }>;
  deployment(stack: Stack): Promise<Deployment>;
  interrupt(stack: Stack, operations: readonly PendingOperation[]): Promise<void>;
  withAllCommands<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Providers in this process, by package. */
export type Providers = Readonly<Record<string, () => ResourceProvider>>;

function providersOf(world: MemoryWorld, others: Providers): Providers {
  return {
    ...others,
    testing: () => new TestProvider(world),
    plain: () => new TestProvider(world, { packageName: "plain", acceptsSecrets: false, supportsPreview: false, supportsNaming: false }),
  };
}

export function openBackend(engine: "embedded" | "cli", others: Providers = {}): Promise<Backend> {
  return engine === "embedded" ? embeddedBackend(others) : cliBackend(others);
}

async function embeddedBackend(others: Providers): Promise<Backend> {
  const database: EngineDatabase = await createEngineDatabase();
  return {
    async engine(world) {
      const providers = new WarmProviderHost({ inProcess: providersOf(world, others) });
      const store = new PostgresStackStore(database.pool, TENANT);
      // Deriving a key from a passphrase takes longer than most cases, and a stack of its own has a salt of its own.
      const keyWrapper = new LocalKeyWrapper(new Uint8Array(32));
      const command = new EmbeddedCommand({ store, providers, holder: `test-${randomUUID()}`, keyWrapper });
      return { command: command as unknown as PulumiCommand, env: {}, close: () => providers.close() };
    },
    deployment: async (stack) => (await stack.exportStack()).deployment,
    async interrupt(stack, operations) {
      const store = new PostgresStackStore(database.pool, TENANT);
      const lease = await store.acquireLease({ project: PROJECT_NAME, stack: stack.name }, "interrupted", 30);
      await store.commit(
        lease,
        operations.map((operation) => ({ kind: "begin", operationId: randomUUID(), operation })),
      );
      await store.releaseLease(lease);
    },
    withAllCommands: (work) => work(),
    close: () => database.drop(),
  };
}

interface StateFile {
  readonly checkpoint: { latest?: Deployment };
}

/** The CLI on a file backend. Its checkpoints are read from there, and the questions each operation ends with are not asked: a process each. */
async function cliBackend(others: Providers): Promise<Backend> {
  const folder = mkdtempSync(join(tmpdir(), "claw-conformance-"));
  mkdirSync(join(folder, "state"));
  const stateFile = (stack: Stack) => join(folder, "state", ".pulumi", "stacks", PROJECT_NAME, `${stack.name}.json`);
  const cli = await PulumiCommand.get();
  let allCommands = false;
  return {
    async engine(world) {
      const servers = await Promise.all(
        Object.entries(providersOf(world, others)).map(async ([name, make]) => ({ name, ...(await listenAsPlugin(make())) })),
      );
      const run = cli as unknown as { run(args: string[], ...rest: unknown[]): Promise<unknown> };
      const command = {
        command: cli.command,
        version: cli.version,
        run: async (args: string[], ...rest: unknown[]) => {
          const [group, verb] = args;
          if (!allCommands && group === "stack" && verb === "output") {
            return { stdout: "{}", stderr: "", code: 0 };
          }
          if (!allCommands && group === "stack" && verb === "history") {
            return { stdout: "[]", stderr: "", code: 0 };
          }
          return run.run(args, ...rest);
        },
      };
      return {
        command: command as unknown as PulumiCommand,
        env: {
          PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
          PULUMI_HOME: join(folder, "home"),
          PULUMI_SKIP_UPDATE_CHECK: "true",
          PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
          PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
          PULUMI_DEBUG_PROVIDERS: servers.map(({ name, port }) => `${name}:${port}`).join(","),
        },
        close: async () => {
          for (const server of servers) {
            server.close();
          }
        },
      };
    },
    async interrupt(stack, operations) {
      const file = stateFile(stack);
      const state = JSON.parse(readFileSync(file, "utf8")) as StateFile;
      if (state.checkpoint.latest) {
        state.checkpoint.latest = { ...state.checkpoint.latest, pending_operations: [...operations] };
      }
      writeFileSync(file, JSON.stringify(state));
    },
    async deployment(stack) {
      const { checkpoint } = JSON.parse(readFileSync(stateFile(stack), "utf8")) as StateFile;
      const latest = checkpoint.latest ?? { manifest: { time: "", magic: "", version: "" } };
      const salt = latest.secrets_providers?.state?.["salt"];
      if (typeof salt !== "string") {
        return latest;
      }
      const secrets = await openPassphrase(PASSPHRASE, salt);
      const reveal = (state: ResourceState) => mapStateValues(state, (value) => revealSecrets(value, secrets));
      return {
        ...latest,
        ...(latest.resources && { resources: latest.resources.map(reveal) }),
        ...(latest.pending_operations && {
          pending_operations: latest.pending_operations.map((each) => ({ ...each, resource: reveal(each.resource) })),
        }),
      };
    },
    async withAllCommands(work) {
      allCommands = true;
      try {
        return await work();
      } finally {
        allCommands = false;
      }
    },
    async close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface CaseContext {
  readonly stack: ConformanceStack;
  readonly world: MemoryWorld;
  readonly expect: ExpectStatic;
  readonly engine: "embedded" | "cli";
}
export interface CaseOptions {
  /** Why the CLI is not compared with. */
  readonly embeddedOnly?: string;
  /** Why what both record may differ; expectations still hold on both. */
  readonly recordsDiffer?: string;
  /** A binary that the CLI needs for this case beside its own. */
  readonly cliNeeds?: string;
}

/** Makes the `conformance` function of one test file, with `others` beside the test providers: a case runs on the embedded engine, then on the CLI, and both records must agree. */
export function conformanceSuite(
  others: Providers = {},
): (name: string, body: (context: CaseContext) => Promise<void>, options?: CaseOptions) => void {
  let embedded: Promise<Backend> | undefined;
  let cli: Promise<Backend> | undefined;
  let count = 0;
  afterAll(async () => {
    await (await embedded)?.close();
    await (await cli)?.close();
  });

  const runOn = async (
    engine: "embedded" | "cli",
    stackName: string,
    expect: ExpectStatic,
    body: (context: CaseContext) => Promise<void>,
  ): Promise<unknown[]> => {
    embedded ??= openBackend("embedded", others);
    if (engine === "cli") {
      cli ??= openBackend("cli", others);
    }
    const backend = (await (engine === "cli" ? cli : embedded)) as Backend;
    const stack = await ConformanceStack.open(backend, stackName);
    try {
      await body({ stack, world: stack.world, expect, engine });
      return stack.record;
    } finally {
      await stack.close();
    }
  };

  return (name, body, options = {}) => {
    const stackName = `c${++count}`;
    let record: unknown[] | undefined;
    it(name, async ({ expect }) => {
      record = await runOn("embedded", stackName, expect, body);
    });
    if (options.embeddedOnly) {
      return;
    }
    it(`${name} (as the real CLI does)`, { timeout: 300_000 }, async ({ expect, skip }) => {
      skip(!hasCli, NO_CLI);
      skip(options.cliNeeds !== undefined && !isOnPath(options.cliNeeds), `not on PATH beside pulumi: ${options.cliNeeds}`);
      const reference = await runOn("cli", stackName, expect, body);
      if (record && !options.recordsDiffer) {
        expect(record).toEqual(reference);
      }
    });
  };
}
