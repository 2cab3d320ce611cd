import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { DestroyOptions, EngineEvent, PreviewOptions, RefreshOptions, UpOptions } from "@pulumi/pulumi/automation/index.js";
import automation from "@pulumi/pulumi/automation/index.js";
import { EmbeddedCommand } from "../../../adapters/engine/command/embedded-command.ts";
import type { ShownEvents } from "../../../adapters/engine/command/event-stream.ts";
import type { ResourceState } from "../../../adapters/engine/contract/checkpoint.ts";
import type { StackStore } from "../../../adapters/engine/contract/store.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import type { TestProviderOptions } from "./test-provider.ts";
import { TestProvider } from "./test-provider.ts";
import { MemoryWorld } from "./test-world.ts";

export type Program = () => Promise<unknown>;

export interface Outcome {
  /** `succeeded`, or what the Automation API threw. */
  readonly error: Error | undefined;
  readonly changes: Readonly<Record<string, number>>;
  readonly events: EngineEvent[];
}

/** One stack of the embedded engine under the real Automation API, with a test provider in process and a world of its own. */
export class InlineStack {
  readonly world = new MemoryWorld();
  readonly name: string;
  readonly stack: automation.Stack;
  readonly host: WarmProviderHost;
  readonly #folder: string;
  #program: Program;

  private constructor(stack: automation.Stack, host: WarmProviderHost, folder: string, program: Program) {
    this.stack = stack;
    this.name = stack.name;
    this.host = host;
    this.#folder = folder;
    this.#program = program;
  }

  static async create(
    store: StackStore,
    options: TestProviderOptions & { project?: string; name?: string; shown?: ShownEvents } = {},
  ): Promise<InlineStack> {
    const folder = await mkdtemp(join(tmpdir(), "claw-engine-"));
    let self: InlineStack | undefined;
    const host = new WarmProviderHost({
      inProcess: {
        testing: () => new TestProvider((self as InlineStack).world, options),
        other: () => new TestProvider((self as InlineStack).world, { ...options, packageName: "other" }),
      },
    });
    const pulumiCommand = new EmbeddedCommand({ store, providers: host, holder: "test", ...(options.shown && { shown: options.shown }) });
    const workspace = await automation.LocalWorkspace.create({
      workDir: folder,
      projectSettings: { name: options.project ?? "proj", runtime: "nodejs" },
      program: () => (self as InlineStack).run() as Promise<Record<string, unknown>>,
      envVars: { PULUMI_CONFIG_PASSPHRASE: "correct horse" },
      pulumiCommand: pulumiCommand as unknown as automation.PulumiCommand,
    });
    const stack = await automation.Stack.create(options.name ?? "dev", workspace);
    self = new InlineStack(stack, host, folder, async () => {});
    return self;
  }

  async run(): Promise<unknown> {
    return this.#program();
  }

  up(program: Program, options: UpOptions = {}): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.stack.up({ ...options, onEvent }));
  }
  preview(program: Program, options: PreviewOptions = {}): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.stack.preview({ ...options, onEvent }));
  }
  refresh(options: RefreshOptions = {}, program: Program = async () => {}): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.stack.refresh({ ...options, onEvent }));
  }
  destroy(options: DestroyOptions = {}, program: Program = async () => {}): Promise<Outcome> {
    return this.#operate(program, (onEvent) => this.stack.destroy({ ...options, onEvent }));
  }

  async #operate(program: Program, operation: (onEvent: (event: EngineEvent) => void) => Promise<unknown>): Promise<Outcome> {
    this.#program = program;
    const events: EngineEvent[] = [];
    let error: Error | undefined;
    try {
      await operation((event) => events.push(event));
    } catch (thrown) {
      error = thrown as Error;
    }
    const summary = events.find((event) => event.summaryEvent)?.summaryEvent;
    return { error, events, changes: (summary?.resourceChanges ?? {}) as Record<string, number> };
  }

  /** The checkpoint as exported, secrets in the clear. */
  async resources(): Promise<ResourceState[]> {
    const { deployment } = await this.stack.exportStack();
    return (deployment as { resources?: ResourceState[] }).resources ?? [];
  }
  async resource(name: string): Promise<ResourceState> {
    const found = (await this.resources()).filter((state) => state.urn.endsWith(`::${name}`));
    if (found.length !== 1) {
      throw new Error(`${found.length} resources are named ${name}`);
    }
    return found[0] as ResourceState;
  }
  async pending(): Promise<unknown[]> {
    const { deployment } = await this.stack.exportStack();
    return (deployment as { pending_operations?: unknown[] }).pending_operations ?? [];
  }

  async close(): Promise<void> {
    await this.host.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Operations and resource names of an operation's steps, in the order in which they ended. */
export function stepsOf(outcome: Outcome): string[] {
  return outcome.events.flatMap((event) => {
    const metadata = event.resOutputsEvent?.metadata;
    if (!metadata || metadata.type.startsWith("pulumi:")) {
      return [];
    }
    return [`${metadata.op} ${metadata.urn.split("::").at(-1)}`];
  });
}
export function diagnosticsOf(outcome: Outcome, severity = "error"): string[] {
  return outcome.events.flatMap((event) =>
    event.diagnosticEvent?.severity === severity ? [event.diagnosticEvent.message.replaceAll(/<\{%.*?%\}>/g, "").trim()] : [],
  );
}

type Inputs = Record<string, pulumi.Input<unknown>>;

export class Thing extends pulumi.CustomResource {
  declare readonly revision: pulumi.Output<number>;
  declare readonly value: pulumi.Output<string>;
  constructor(name: string, inputs: Inputs = {}, options?: pulumi.CustomResourceOptions, type = "testing:index:Thing") {
    super(type, name, { revision: undefined, value: undefined, ...inputs }, options);
  }
}
export class Group extends pulumi.ComponentResource {
  constructor(name: string, inputs: Inputs = {}, options?: pulumi.ComponentResourceOptions, type = "testing:index:Group") {
    super(type, name, inputs, options);
  }
  finish(outputs: Inputs): this {
    this.registerOutputs(outputs);
    return this;
  }
}
export class Testing extends pulumi.ProviderResource {
  constructor(name: string, inputs: Inputs = {}, options?: pulumi.ResourceOptions) {
    super("testing", name, inputs, options);
  }
}
