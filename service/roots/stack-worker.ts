/** The process that runs stack operations, one at a time: a composition root of its own beside `main.ts` (see docs/adr). */
import { createHmac } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { ConcurrentUpdateError, type PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { createCliCommand, findCli, postgresBackend } from "../../adapters/automation/cli-command.ts";
import type { TakenEvents } from "../../adapters/automation/open-stack.ts";
import { engineOf } from "../../adapters/automation/stack-engine.ts";
import { runStackOperation } from "../../adapters/automation/stack-runner.ts";
import { type ScanOptions, scanStack } from "../../adapters/automation/stack-scan.ts";
import { createStateJobs } from "../../adapters/automation/stack-state.ts";
import { type WorkerReply, WorkerRequestSchema } from "../../adapters/automation/worker-messages.ts";
import { EmbeddedCommand } from "../../adapters/engine/command/embedded-command.ts";
import { LEASE_TTL_SECONDS } from "../../adapters/engine/contract/lease.ts";
import type { StackLease } from "../../adapters/engine/contract/store.ts";
import { useLeanRuntime } from "../../adapters/engine/deployment/lean-runtime.ts";
import { WarmProviderHost } from "../../adapters/engine/plugins/provider-host.ts";
import { LocalKeyWrapper } from "../../adapters/engine/secrets/envelope.ts";
import { createPassphrase } from "../../adapters/engine/secrets/passphrase.ts";
import { cliStateTable } from "../../adapters/postgres/cli-state.ts";
import { openPool } from "../../adapters/postgres/open-pool.ts";
import { PostgresStackStore } from "../../adapters/postgres/stack-store.ts";
import { ClawError, redact, type StackEngine } from "../../sdk/contract/index.ts";
import { instanceUrns, PROJECT_NAME, sharedUrns, stackName, tenantProgram } from "../../stacks/tenant/program.ts";
import type { OnProgress, TenantStack } from "../application/ports/stacks/stack-operations.ts";
import { packageOf, resourceProviders } from "./packages.ts";

const CONNECTIONS = 4;

const databaseUrl = take("CLAW_DATABASE_URL");
const wrappingKey = Buffer.from(take("CLAW_STACK_KEY"), "base64");
const toolsDir = take("CLAW_TOOLS_DIR");
// It is this process's own: what it starts neither reads nor writes there.
delete process.env["NODE_COMPILE_CACHE"];
const newStacks: StackEngine = process.env["CLAW_ENGINE"] === "cli" ? "cli" : "embedded";
const pool = openPool(databaseUrl, CONNECTIONS);
const providers = new WarmProviderHost({ inProcess: resourceProviders });
const holder = `${hostname()}/${process.pid}`;
useLeanRuntime();
const workDir = await mkdtemp(join(tmpdir(), "claw-stack-"));
process.once("exit", () => rmSync(workDir, { recursive: true, force: true }));

const storeOf = (stack: TenantStack) => new PostgresStackStore(pool, stack.tenantId);
const refOf = ({ stack }: TenantStack) => ({ project: PROJECT_NAME, stack });
const log = (message: string) => process.stderr.write(`${redact(message)}\n`);

function embeddedEngine(stack: TenantStack, lease?: StackLease, taken?: TakenEvents): PulumiCommand {
  const keyWrapper = new LocalKeyWrapper(wrappingKey);
  const command = new EmbeddedCommand({
    store: storeOf(stack),
    providers,
    holder,
    keyWrapper,
    ...(taken && { shown: taken }),
    ...(lease && { lease }),
  });
  return command as unknown as PulumiCommand;
}

let cli: Promise<PulumiCommand> | undefined;
async function cliEngine(stack: TenantStack, lease?: StackLease): Promise<PulumiCommand> {
  cli ??= findCli({ installDir: toolsDir, onProgress: log });
  cli.catch(() => {
    cli = undefined;
  });
  return createCliCommand({
    cli: await cli,
    home: join(workDir, "pulumi-home"),
    // A table for each tenant: what a stack's program could list is its own.
    backendUrl: process.env["PULUMI_BACKEND_URL"] ?? postgresBackend(databaseUrl, cliStateTable(stack.tenantId)),
    pluginFolders: [fileURLToPath(new URL("../../stacks/tenant/plugin", import.meta.url))],
    leases: { store: storeOf(stack), project: PROJECT_NAME, holder, leaseTtlSeconds: LEASE_TTL_SECONDS, running: new Map(), lease },
    onProgress: log,
  });
}

const engineFor = async (stack: TenantStack, engine: StackEngine, lease?: StackLease, taken?: TakenEvents): Promise<PulumiCommand> =>
  engine === "cli" ? cliEngine(stack, lease) : embeddedEngine(stack, lease, taken);
const keptBy = async (stack: TenantStack) => (await engineOf(storeOf(stack), refOf(stack))) ?? newStacks;

const options: ScanOptions = {
  commandFor: async (stack, taken) => engineFor(stack, await keptBy(stack), undefined, taken),
  engineFor,
  storeOf,
  holder,
  idOf: (type, inputs) => packageOf(type)?.provider().idOf?.(type, inputs),
  log,
  existing: async ({ tenantId, spec }, stack, urns) => {
    const wanted = new Set(urns);
    const known = { tenantId, stack: stackName(spec) };
    const resources: readonly { readonly urn: string }[] =
      (await keptBy(known)) === "cli"
        ? ((await stack.exportStack()).deployment.resources ?? [])
        : (await storeOf(known).loadResources(refOf(known), urns)).resources.map(({ state }) => state);
    return resources.map(({ urn }) => urn).filter((urn) => wanted.has(urn));
  },
  projectName: PROJECT_NAME,
  program: tenantProgram,
  stackName,
  sharedUrns,
  instanceUrns,
  deviationOf: (read) => packageOf(read.type)?.deviationOf(read),
  workDir,
  // What seals a stack's secrets wherever Pulumi's own form is needed; another tenant's can't be opened with it.
  env: ({ tenantId }) => ({ PULUMI_CONFIG_PASSPHRASE: createHmac("sha256", wrappingKey).update(tenantId).digest("base64url") }),
};
const jobs = createStateJobs({ ...options, createPassphrase });

const OPERATIONS_PER_COLLECTION = 10;
let operations = 0;
let current: Promise<void> = Promise.resolve();
process.on("message", (message) => {
  current = run(message).then(
    (result) => reply({ type: "result", result, ...held() }),
    (error: unknown) => {
      const { code, message, issues } = failureOf(error);
      // Whole outputs of the engine stay in this process's log.
      if (code === "engine.failed") {
        log(inspect(error));
      }
      // Beneath it are messages of providers, npm, the engine and drivers.
      const told = issues.map((issue) => ({ ...issue, message: redact(issue.message) }));
      reply({ type: "error", code, message: redact(message), issues: told, ...held() });
    },
  );
  // After the answer, when nobody waits: otherwise the heap grows to several times what is in use.
  void current.then(() => {
    if (++operations % OPERATIONS_PER_COLLECTION === 0) {
      globalThis.gc?.();
    }
  });
});
// The service is gone or wants no more: the operation under way ends first, so that nobody finds the stack half changed.
process.on("disconnect", async () => {
  await current;
  await Promise.allSettled([providers.close(), pool.end()]);
  process.exit(0);
});
reply({ type: "ready" });

async function run(message: unknown): Promise<unknown> {
  const request = WorkerRequestSchema.parse(message);
  if (request.type === "operation") {
    const { kind, operation } = request;
    if (kind === "scan") {
      return scanStack({ instances: [], ...operation }, options);
    }
    const onProgress: OnProgress = (news) => reply({ type: "progress", news: [...news] });
    return runStackOperation(kind, operation, options, kind === "up" ? onProgress : undefined);
  }
  const job = jobs[request.job] as (stack: TenantStack, ...args: readonly unknown[]) => Promise<unknown>;
  return job(request.stack, ...request.args);
}

function failureOf(error: unknown): ClawError {
  if (error instanceof ClawError) {
    return error;
  }
  return error instanceof ConcurrentUpdateError
    ? new ClawError("stack.locked", "another operation is running on the stack; try again soon")
    : new ClawError("engine.failed", "the operation failed; see the service's log", { cause: error });
}

function held() {
  return { residentBytes: process.memoryUsage.rss() };
}

function reply(message: WorkerReply): void {
  if (process.connected) {
    process.send?.(message);
  }
}

/** Takes a setting out of the environment: plugins and whatever else is started here inherit it. */
function take(name: string): string {
  const value = process.env[name];
  delete process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set; this process is started by the service`);
  }
  return value;
}
