import type { MethodDefinition } from "@grpc/grpc-js";
import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import resourceGrpc from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import { Pool } from "pg";
import { settleInterrupted } from "../../../adapters/automation/interrupted.ts";
import { openStack, type StackAccess } from "../../../adapters/automation/open-stack.ts";
import { exportSealed, importInto } from "../../../adapters/automation/state-file.ts";
import { EmbeddedCommand } from "../../../adapters/engine/command/embedded-command.ts";
import type { StackLease } from "../../../adapters/engine/contract/store.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import { LocalKeyWrapper } from "../../../adapters/engine/secrets/envelope.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { TestProvider } from "./test-provider.ts";
import { Component, Thing } from "./test-resources.ts";
import { DirectoryWorld } from "./test-world.ts";

/** What the program says: nothing, or a component with `a` in it and `b`, which can't do without `a`. */
export interface Wanted {
  readonly value: number;
  readonly replaceKey: number;
  readonly dbrKey: number;
  /** `other`, which has nothing to do with them: it alone is operated on then. */
  readonly other?: number;
}
export interface CrashRequest {
  readonly tenant: string;
  readonly stack: string;
  readonly world: string;
  /** Without any the stack is destroyed. */
  readonly wanted?: Wanted;
  /** Only what the export of a stack does first. */
  readonly settleOnly?: boolean;
  /** The stack is exported first, and imported again. */
  readonly roundTrip?: boolean;
  /** The message at which the process dies, counted from 1. */
  readonly dieAt?: number;
  /** The call of the provider after which it dies: what it did is done, and nobody was told. */
  readonly dieAfter?: string;
}
export interface CrashReply {
  readonly error?: string;
  readonly changes: Readonly<Record<string, number>>;
  /** How many messages the operation had. */
  readonly messages: number;
}

const [databaseUrl = ""] = process.argv.slice(2);
const pool = new Pool({ connectionString: databaseUrl, max: 4, application_name: `crash/${process.pid}` });

let messages = 0;
let dieAt = Number.POSITIVE_INFINITY;
let dieAfter: string | undefined;
/** A message is on its way: the process may die of it. */
function message(): void {
  if (++messages === dieAt) {
    process.kill(process.pid, "SIGKILL");
  }
}

// What the program says and hears: each request that arrives, each answer that leaves.
for (const service of [resourceGrpc.ResourceMonitorService, engineGrpc.EngineService, languageGrpc.LanguageRuntimeService]) {
  for (const [name, method] of Object.entries(service) as unknown as [string, MethodDefinition<unknown, unknown>][]) {
    // Debug messages, which nothing depends on.
    if (name === "log") {
      continue;
    }
    const { requestDeserialize, responseSerialize } = method;
    method.requestDeserialize = (bytes) => {
      message();
      return requestDeserialize(bytes);
    };
    method.responseSerialize = (response) => {
      message();
      return responseSerialize(response);
    };
  }
}

/** Before and after each of these calls there is a message. */
function withMessages<T extends object>(target: T, calls: readonly string[]): T {
  return new Proxy(target, {
    get(inner, property) {
      const value: unknown = Reflect.get(inner, property);
      if (typeof value !== "function") {
        return value;
      }
      if (!calls.includes(String(property))) {
        return value.bind(inner);
      }
      return async (...args: unknown[]) => {
        message();
        const result: unknown = await value.apply(inner, args);
        if (property === dieAfter) {
          process.kill(process.pid, "SIGKILL");
        }
        message();
        return result;
      };
    },
  });
}

async function operate({ tenant, stack: stackName, world, wanted, settleOnly, roundTrip, ...dies }: CrashRequest): Promise<CrashReply> {
  const store = new PostgresStackStore(pool, tenant);
  const provider = new TestProvider(new DirectoryWorld(world), { knowsIds: true });
  const calls = ["check", "diff", "create", "read", "update", "delete"];
  const providers = new WarmProviderHost({ inProcess: { testing: () => withMessages(provider, calls) } });
  const watched = withMessages(store, ["acquireLease", "commit", "replaceDeployment", "appendHistory", "releaseLease"]);
  const holder = `crash/${process.pid}`;
  const keyWrapper = new LocalKeyWrapper(new Uint8Array(32));
  const command = (lease?: StackLease) =>
    new EmbeddedCommand({ store: watched, providers, holder, keyWrapper, ...(lease && { lease }) }) as unknown as PulumiCommand;
  const program = async () => {
    if (!wanted) {
      return {};
    }
    const { value, replaceKey, dbrKey, other } = wanted;
    if (other !== undefined) {
      new Thing("other", { label: "other", value: other });
      return {};
    }
    const a = new Thing("a", { label: "a", value, replaceKey, dbrKey }, { parent: new Component("c") });
    new Thing("b", { label: "b", replaceFrom: a.id, value });
    return { id: a.id };
  };
  const access: StackAccess = {
    commandFor: async () => command(),
    engineFor: async (_stack, _engine, lease) => command(lease),
    projectName: "crash",
    workDir: `${world}-work`,
    env: () => ({}),
    storeOf: () => watched,
    holder,
    idOf: (type, inputs) => provider.idOf(type, inputs),
    log: (text) => process.stderr.write(`${text}\n`),
  };
  const tenantStack = { tenantId: tenant, stack: stackName };
  const { stack } = await openStack(tenantStack, program, access);
  messages = 0;
  dieAt = dies.dieAt ?? Number.POSITIVE_INFINITY;
  dieAfter = dies.dieAfter;
  try {
    await settleInterrupted(tenantStack, access);
    if (settleOnly) {
      return { changes: {}, messages };
    }
    if (roundTrip) {
      await importInto(stack, await exportSealed(stack));
    }
    const other = wanted?.other !== undefined && { target: [`urn:pulumi:${stackName}::crash::testing:index:Thing::other`] };
    const { summary } = wanted ? await stack.up({ ...other }) : await stack.destroy();
    return { changes: { ...summary.resourceChanges }, messages };
  } catch (error) {
    return { error: (error as Error).message, changes: {}, messages };
  } finally {
    await providers.close();
  }
}

process.on("message", async (request: CrashRequest) => {
  process.send?.(await operate(request));
});
process.on("disconnect", () => process.exit());
