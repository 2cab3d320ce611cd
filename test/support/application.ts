import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { afterAll } from "vitest";
import { createClawTypes } from "../../adapters/claws/claw-types.ts";
import { SecretCipherAes } from "../../adapters/identity/cipher.ts";
import { hostSecrets } from "../../adapters/identity/host-secrets.ts";
import { adoptionOf, runtimeComponents } from "../../components/claw-instance/runtimes.ts";
import { Claw } from "../../sdk/client/index.ts";
import {
  type BusMessage,
  ClawError,
  type InstanceId,
  type Permission,
  type ResolvedInstance,
  stackNameOf,
  type TenantId,
} from "../../sdk/contract/index.ts";
import { createAccess } from "../../service/application/access/authenticate.ts";
import { type Application, createApplication } from "../../service/application/application.ts";
import { recordInspection } from "../../service/application/clusters/report-cluster.ts";
import { createSecretSources } from "../../service/application/configs/secret-sources.ts";
import type { ApplicationDependencies } from "../../service/application/dependencies.ts";
import { createConfigChecks } from "../../service/application/instances/config-checks.ts";
import type { Unconfined } from "../../service/application/instances/host-use.ts";
import { createPodReports } from "../../service/application/instances/pod-reports.ts";
import { createReports } from "../../service/application/instances/report-status.ts";
import type { KnownClawType } from "../../service/application/ports/instances/claw-adapter.ts";
import type { Runtimes } from "../../service/application/ports/runtimes/runtime.ts";
import type { StackOperation } from "../../service/application/ports/stacks/stack-operations.ts";
import { createRuntimes } from "../../service/application/runtimes/runtimes.ts";
import { type Actor, ANONYMOUS, administrator } from "../../service/domain/access/actor.ts";
import { grantsOf } from "../../service/domain/access/grants.ts";
import type { Inspection } from "../../service/domain/clusters/cluster.ts";
import { Tallies } from "../../service/domain/tallies.ts";
import { SHARED_TENANT } from "../../service/domain/tenancy/tenant.ts";
import { handings } from "../../service/roots/control-plane/handings.ts";
import { startReconciler } from "../../service/workers/reconciler.ts";
import { anAgentStatus, PlayedAgents } from "./application/agents.ts";
import { playedClusters } from "./application/clusters.ts";
import { inProcessFetch } from "./application/in-process-fetch.ts";
import { PlayedPrograms } from "./application/programs.ts";
import { PlayedStacks } from "./application/stacks.ts";
import { storeTenant } from "./builders/tenancy.ts";
import { createTestDatabase, type TestDatabase, testSigner } from "./postgres.ts";

/** More turns than any test's work takes. */
const TURNS_MAX = 50;
const EVENTS_MAX = 1000;
const ROOM = { instances: 110, cpu: 64, memoryBytes: 2 ** 38 };

/** The use cases on a real database, with everything outside of it played. */
export interface TestApplication {
  /** A client of the platform's administrator, in a tenant. */
  admin(tenant?: string): Claw;
  /** A client of somebody of a tenant. */
  as(who: { readonly tenant: string; readonly subject?: string }): Claw;
  /** A client of a user who may do what bindings say, and nothing else. */
  user(who: { readonly tenant: string; readonly subject: string; readonly groups?: readonly string[] }): Claw;
  /** What the program of somebody of a tenant asks, in the place of a network. */
  fetchAs(who: { readonly tenant: string; readonly subject?: string }): typeof fetch;
  /** The instance that a stream of somebody of its tenant is to. */
  target(at: { readonly tenant: string; readonly name: string; readonly permission: Permission }): ReturnType<Application["targetOf"]>;
  /** Makes desired state true, as far as that can be: every operation that is due has been run then, and agents and clusters have told of it. */
  settle(): Promise<void>;
  /** Lets time pass: what waits for its next attempt is due, plans grow old. */
  pass(seconds: number): Promise<void>;
  /** What asking a cluster came to. */
  inspect(cluster: string, inspection: Inspection): Promise<void>;
  /** The cluster answers that it has room. */
  answers(cluster: string): Promise<void>;
  /** The events of that name that wait to be published: nothing takes them away. */
  published(name: string): Promise<readonly BusMessage[]>;
  /** Tables that hold a text anywhere in a row. */
  tablesWith(text: string): Promise<readonly string[]>;
  readonly database: TestDatabase;
  /** What the use cases are built of, for those that no route serves. */
  readonly dependencies: ApplicationDependencies;
  readonly stacks: PlayedStacks;
  readonly agents: PlayedAgents;
  readonly programs: PlayedPrograms;
  /** The instances whose remains were cleaned up. */
  readonly cleanedUp: readonly { readonly uid: string; readonly withData: boolean }[];
  /** Uids of instances of which something still ends by itself, until a test takes them out. */
  readonly stillEnding: Set<string>;
  /** What agents and clusters tell of instances. */
  readonly reports: ReturnType<typeof createReports> & { readonly pod: ReturnType<typeof createPodReports> };
}

/**
 * Builds the application for a file of tests, on a database of its own. Repositories, transactions, secrets and claw types are the service's;
 * engine runs, agents, clusters and time are played. Nothing happens by itself: the reconciler runs when a test lets it {@link TestApplication.settle}.
 */
export async function anApplication({ masterKey = randomBytes(32) }: { masterKey?: Uint8Array } = {}): Promise<TestApplication> {
  const database = await createTestDatabase();
  afterAll(() => database.drop());
  await storeTenant(database.transactions, { name: SHARED_TENANT });
  return anApplicationOn(database, masterKey);
}

/** Another on the same database: in another process, say. */
export function anApplicationOn(
  database: TestDatabase,
  masterKey: Uint8Array,
  { unconfined, packaged = [] }: { readonly unconfined?: Unconfined; readonly packaged?: readonly KnownClawType[] } = {},
): TestApplication {
  const { transactions } = database;

  let offsetMs = 0;
  const clock = () => new Date(Date.now() + offsetMs);
  const log = pino({ level: process.env["CLAW_TEST_LOG_LEVEL"] ?? "silent" });
  const types = createClawTypes({ packaged });
  const reports = { ...createReports({ transactions, clock }), pod: createPodReports({ transactions, types, clock }) };
  const agents = new PlayedAgents();
  const stacks = new PlayedStacks(async (operation, made, gone) => {
    const tenantId = operation.tenantId as TenantId;
    for (const instance of made) {
      await tellOf(tenantId, operation, instance);
    }
    for (const name of gone) {
      const instance = await transactions.tenant(tenantId, (tx) => tx.instances.find(name));
      if (instance) {
        agents.report(instance.id, undefined);
      }
    }
  });
  /** What the instance's agent, or its cluster, says once an operation has made it. */
  const tellOf = async (tenantId: TenantId, { spec: { target } }: StackOperation, { uid, name, running }: ResolvedInstance) => {
    const id = uid as InstanceId;
    if (target.runtime === "kubernetes") {
      const pod = { name: `${name}-0`, ready: true, restarts: 0, reason: "Ready", message: "" };
      await reports.pod(tenantId, id, target.cluster, running ? pod : undefined);
      return;
    }
    if (running || agents.status(id)) {
      const status = anAgentStatus(running ? "Ready" : "Stopped", clock().toISOString());
      agents.report(id, running ? status : undefined);
      await reports.status(tenantId, id, status);
    }
  };

  const programs = new PlayedPrograms();
  const cleanedUp: { uid: string; withData: boolean }[] = [];
  const stillEnding = new Set<string>();
  const cipher = new SecretCipherAes(new Uint8Array(masterKey));
  const { at } = createRuntimes({
    local: { runtime: "process", rootDir: "/nowhere", agentUrl: "ws://control-plane.example/agent/v1" },
    host: { storedLogs: () => undefined, removeData: async () => {} },
    clusters: playedClusters,
    components: runtimeComponents,
    handings,
    agents,
    transactions,
    cipher,
    declared: async (_tenantId, tenant, cluster) => stacks.declared(stackNameOf(tenant, cluster)),
  });
  const runtimes: Runtimes = {
    at: (cluster) => ({
      ...at(cluster),
      cleanUp: (target, tenant, uid, withData) => {
        cleanedUp.push({ uid, withData });
        return stillEnding.has(uid) ? Promise.resolve(["StatefulSet"]) : at(cluster).cleanUp(target, tenant, uid, withData);
      },
    }),
  };
  const { routes, targetOf, dependencies } = createApplication({
    transactions,
    stacks,
    administration: stacks,
    adoptionOf,
    types,
    checks: createConfigChecks({ transactions, programs, clock }),
    cipher,
    secretSources: createSecretSources({ transactions, runtimes, host: hostSecrets, vault: undefined }),
    runtimes,
    clock,
    agents,
    openChannel: (address, open) => agents.open(address.uid, open),
    origins: { domain: "localhost", urlOf: (label) => `http://${label}.localhost:8787` },
    unconfined,
    hasDocker: false,
    version: "0.0.0-test",
    vitals: () => ({ uptimeSeconds: 1, residentBytes: 1, eventLoopDelayMs: { mean: 0, p99: 0 }, circuits: [] }),
    sweepSeconds: 3600,
    signIn: [],
    auditSigner: testSigner,
    tallies: new Tallies(),
    wake: () => {},
  });
  const access = createAccess({ transactions, clock });
  const fetchOf = (actorOf: (tenantId: TenantId | undefined) => Promise<Actor>, tenant: string | undefined) =>
    inProcessFetch(routes, async ({ scope }) => {
      const named = tenant === undefined ? undefined : await transactions.platform((tx) => tx.tenants.find(tenant));
      const actor = await actorOf(named?.id);
      if (named === undefined && (scope === "tenant" || !actor.platform)) {
        throw tenant === undefined
          ? new ClawError("tenant.required", "this route is about a tenant's resources")
          : new ClawError("tenant.not_found", `there is no tenant '${tenant}'`);
      }
      return { actor, tenant: scope === "platform" ? undefined : named, requestId: "req_test", ifMatch: undefined };
    });
  const clientOf = (...of: Parameters<typeof fetchOf>) => new Claw({ url: "http://in-process", maxRetries: 0, fetch: fetchOf(...of) });

  const inspect = async (name: string, inspection: Inspection) => {
    const cluster = await transactions.platform((tx) => tx.clusters.get(name));
    await recordInspection(cluster, inspection, clock().toISOString(), { transactions });
  };
  return {
    database,
    dependencies,
    stacks,
    agents,
    programs,
    cleanedUp,
    stillEnding,
    reports,
    admin: (tenant) => clientOf(async () => administrator("admin"), tenant),
    as: ({ tenant, subject = "alice" }) => clientOf(async (tenantId) => tenantAdmin(subject, tenantId), tenant),
    fetchAs: ({ tenant, subject = "alice" }) => fetchOf(async (tenantId) => tenantAdmin(subject, tenantId), tenant),
    user: ({ tenant, subject, groups = [] }) => {
      const keys = [`User/${subject}`, ...groups.map((group) => `Group/${group}`)];
      const unknown = { ...ANONYMOUS, subject, groups, keys };
      return clientOf(async () => (await access.enter(unknown, tenant)).actor, tenant);
    },
    async target({ tenant: name, name: instance, permission }) {
      const tenant = await transactions.platform((tx) => tx.tenants.get(name));
      const ctx = { actor: tenantAdmin("alice", tenant.id), tenant, requestId: "req_test", ifMatch: undefined };
      return targetOf(ctx, instance, permission);
    },
    async settle() {
      for (let turn = 0; (await transactions.platform((tx) => tx.work.listStacksDue(1))).length > 0; turn++) {
        if (turn === TURNS_MAX) {
          throw new Error(`after ${TURNS_MAX} turns there is still something due`);
        }
        const reconciler = startReconciler({ ...dependencies, onWake: () => {}, log });
        // It has begun its first turn, which it ends.
        await reconciler.stop();
      }
    },
    async pass(seconds) {
      offsetMs += seconds * 1000;
      await database.pool.query("update instances set next_attempt_at = now() - interval '1 minute' where next_attempt_at <= $1", [
        clock(),
      ]);
    },
    inspect,
    answers: (name) => inspect(name, { ok: true, version: "v1.37.0", nodes: 1, allocatable: ROOM }),
    async published(name) {
      const waiting = await transactions.platform((tx) => tx.outbox.claim(EVENTS_MAX));
      return waiting.map(({ message }) => message).filter(({ aggregate, event }) => `${aggregate}.${event}` === name);
    },
    tablesWith: (text) => tablesWith(database, text),
  };
}

async function tablesWith({ pool }: TestDatabase, text: string): Promise<string[]> {
  const tables = await pool.query<{ name: string }>(
    "select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
  const found = [];
  for (const { name } of tables.rows) {
    const { rowCount } = await pool.query(`select from ${name} t where strpos(to_jsonb(t)::text, $1) > 0 limit 1`, [text]);
    if (rowCount) {
      found.push(name);
    }
  }
  return found;
}

function tenantAdmin(subject: string, tenantId: TenantId | undefined): Actor {
  const grants = grantsOf([{ at: "tenant", role: "tenant-admin", permissions: undefined }], tenantId);
  return { ...ANONYMOUS, subject, grants, tenantId };
}
