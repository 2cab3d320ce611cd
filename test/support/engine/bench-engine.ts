import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalWorkspace, PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { Pool } from "pg";
import { EmbeddedCommand } from "../../../adapters/engine/command/embedded-command.ts";
import type { StackRef } from "../../../adapters/engine/contract/store.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import { listenAsPlugin } from "../../../adapters/engine/plugins/serve-provider.ts";
import { LocalKeyWrapper } from "../../../adapters/engine/secrets/envelope.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { InstantProvider, instanceUrns, multiply, program } from "./bench-program.ts";

const PROJECT = "bench";

/** One engine as the bench uses it: through the Automation API, as the service does. */
export interface Engine {
  seed(stack: string, instances: number): Promise<void>;
  preview(stack: string, instances: Iterable<number>): Promise<unknown>;
  up(stack: string, instances: Iterable<number>, changed?: ReadonlyMap<number, number>): Promise<unknown>;
  /** One instance's program, and its resources as targets. */
  change(stack: string, instance: number, version: number): Promise<unknown>;
  refresh(stack: string): Promise<unknown>;
  export(stack: string): ReturnType<Stack["exportStack"]>;
  close(): Promise<void>;
}

function operations(open: (stack: string, work: () => Promise<void>) => Promise<Stack>): Omit<Engine, "seed" | "close"> {
  return {
    preview: async (stack, instances) => (await open(stack, program(instances))).preview(),
    up: async (stack, instances, changed) => (await open(stack, program(instances, changed))).up(),
    change: async (stack, instance, version) =>
      (await open(stack, program([instance], new Map([[instance, version + 2]])))).up({ target: instanceUrns(PROJECT, stack, instance) }),
    refresh: async (stack) => (await open(stack, async () => {})).refresh(),
    export: async (stack) => (await open(stack, async () => {})).exportStack(),
  };
}

export function openEmbedded(pool: Pool): Engine {
  const store = new PostgresStackStore(pool, "ten_bench");
  const providers = new WarmProviderHost({ inProcess: { bench: () => new InstantProvider() } });
  const pulumiCommand = new EmbeddedCommand({
    store,
    providers,
    holder: "bench",
    keyWrapper: new LocalKeyWrapper(new Uint8Array(32)),
  }) as unknown as PulumiCommand;
  const open = (stackName: string, work: () => Promise<void>) =>
    LocalWorkspace.createOrSelectStack({ stackName, projectName: PROJECT, program: work }, { pulumiCommand });
  return {
    ...operations(open),
    async seed(stack, instances) {
      await (await open(stack, program([0]))).up();
      const ref: StackRef = { project: PROJECT, stack };
      const { resources } = await store.loadResources(ref);
      const lease = await store.acquireLease(ref, "bench", 60);
      const states = resources.map(({ state }) => state);
      await store.replaceDeployment(lease, multiply(states, instances), []);
      await store.releaseLease(lease);
      await pool.query("analyze engine_resources, engine_edges");
    },
    async close() {
      await providers.close();
    },
  };
}

/** The real CLI on files, which is its fastest backend, with the provider already running. @throws when it is not on PATH */
export async function openCli(embedded: Engine): Promise<Engine> {
  const pulumiCommand = await PulumiCommand.get();
  const folder = mkdtempSync(join(tmpdir(), "claw-bench-"));
  mkdirSync(join(folder, "state"));
  const provider = await listenAsPlugin(new InstantProvider());
  const envVars = {
    PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
    PULUMI_HOME: join(folder, "home"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_CONFIG_PASSPHRASE: "bench",
    PULUMI_DEBUG_PROVIDERS: `bench:${provider.port}`,
  };
  const open = (stackName: string, work: () => Promise<void>) =>
    LocalWorkspace.createOrSelectStack({ stackName, projectName: PROJECT, program: work }, { pulumiCommand, envVars });
  return {
    ...operations(open),
    seed: async (stack) => (await open(stack, async () => {})).importStack(await embedded.export(stack)),
    async close() {
      provider.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
