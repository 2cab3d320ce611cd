import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { findCli } from "../../../adapters/automation/cli-command.ts";
import { createOperationPool } from "../../../adapters/automation/operation-pool.ts";
import { createAdministration } from "../../../adapters/automation/stack-administration.ts";
import { engineOf } from "../../../adapters/automation/stack-engine.ts";
import { createClawTypes } from "../../../adapters/claws/claw-types.ts";
import { confinementOf } from "../../../adapters/confinement/confinement.ts";
import { SecretCipherAes } from "../../../adapters/identity/cipher.ts";
import { loadMasterKey } from "../../../adapters/identity/master-key.ts";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import { InProcessBus } from "../../../adapters/nats/in-process-bus.ts";
import { openJetStreamBus } from "../../../adapters/nats/jetstream-bus.ts";
import { startEmbeddedPostgres } from "../../../adapters/postgres/embedded-postgres.ts";
import { makeLogins } from "../../../adapters/postgres/logins.ts";
import { migrateDatabase, openDatabase } from "../../../adapters/postgres/open-database.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { localLauncher, reviveAgents, warmAgents } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { removeClawFolder } from "../../../adapters/providers/clusterclaw/claw-folder.ts";
import { createHostedInstances } from "../../../adapters/providers/clusterclaw/hosted-instances.ts";
import { adoptionOf } from "../../../components/claw-instance/adopt.ts";
import { instanceRoot } from "../../../components/claw-instance/instance-dirs.ts";
import { PROJECT_NAME, stackName } from "../../../components/claw-instance/instance-urns.ts";
import { ClawError, type InstanceId, LOCAL_CLUSTER, newId, type StackTarget, type TenantId } from "../../../sdk/contract/index.ts";
import { LogFile } from "../../agent/log-file.ts";
import { createRouteHandlers } from "../../application/application.ts";
import type { AuditEntry } from "../../application/dependencies.ts";
import { createChannelOpener } from "../../application/instances/open-channel.ts";
import { createReports } from "../../application/instances/report-status.ts";
import { agentTokenPurpose } from "../../application/instances/resolve-instance.ts";
import type { SecretCipher } from "../../application/ports/secrets/secret-cipher.ts";
import type { Transactions } from "../../application/ports/transactions.ts";
import { keepDerivation } from "../../application/secrets/keep-derivation.ts";
import { resealStored } from "../../application/secrets/reseal.ts";
import type { Environment } from "../../config/environment.ts";
import { digestToken, isSameToken } from "../../domain/access/tokens.ts";
import { type Actor, DEFAULT_PROJECT, SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { createAgentHub } from "../../http/agents/agent-hub.ts";
import { buildApp } from "../../http/app.ts";
import { startClusterKeeper } from "../../workers/cluster-keeper.ts";
import { createClusterMonitor } from "../../workers/cluster-monitor.ts";
import { createClusterWatcher } from "../../workers/cluster-watcher.ts";
import { createCrdController } from "../../workers/crd-controller.ts";
import { startLoop } from "../../workers/loop.ts";
import { startOutboxRelay } from "../../workers/outbox-relay.ts";
import { startReconciler } from "../../workers/reconciler.ts";
import { startRefresher } from "../../workers/refresher.ts";
import { createClusterSweeper, startHostSweeper } from "../../workers/sweeper.ts";
import { startUsageRecorder } from "../../workers/usage-recorder.ts";

const REVIVE_MS = 30_000;
const TOKEN_REMEMBERED_MS = 5_000;

export interface ControlPlane {
  readonly url: string;
  /** The platform administrator's token. */
  readonly adminToken: string;
  /** Ends requests and operations under way in order. Instances go on. */
  stop(): Promise<void>;
}

type Closers = (() => Promise<unknown>)[];

/** Starts every part of the control plane in this process: the composition of the service. */
export async function startControlPlane(env: Environment, version: string, log: Logger): Promise<ControlPlane> {
  const closers: Closers = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) {
      await close().catch((err: unknown) => log.error({ err }, "closing a part failed"));
    }
  };
  try {
    return { ...(await start(env, version, log, closers)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(env: Environment, version: string, log: Logger, closers: Closers): Promise<Omit<ControlPlane, "stop">> {
  await mkdir(env.dataDir, { recursive: true });
  const ownerUrl = env.databaseUrl ?? (await startPostgres(env, log, closers));
  await migrateDatabase(ownerUrl);
  const cipher = await openCipher(env, ownerUrl);
  const logins = await makeLogins(ownerUrl, (purpose) => cipher.derive(purpose));
  const database = await openDatabase({ url: logins.service });
  closers.push(database.close);
  const { transactions } = database;

  const adminToken = env.adminToken ?? cipher.derive("admin-token");
  await bootstrap(transactions, adminToken);

  const bus = env.natsUrl === undefined ? new InProcessBus() : openJetStreamBus({ url: env.natsUrl });
  closers.push(() => bus.close());
  const clock = () => new Date();
  const reports = createReports({ transactions, clock });
  const tenantOf = (uid: InstanceId) => transactions.platform((tx) => tx.work.findTenantOf(uid));
  const agents = createAgentHub({
    verifyAgent: (uid, token) => verifyAgent(cipher, uid, token),
    onStatus: async (uid, status) => {
      const tenantId = await tenantOf(uid);
      await (tenantId && reports.status(tenantId, uid, status));
    },
    onUsage: (uid, usage) => recorder.note(uid, usage),
    onDisconnect: async (uid) => {
      const tenantId = await tenantOf(uid);
      await (tenantId && reports.disconnected(tenantId, uid));
    },
    log,
  });

  const confinement = confinementOf(env.dataDir);
  const unconfined = confinement.kind === "none" ? confinement : undefined;
  if (unconfined) {
    log.warn(unconfined, "claws of this host are not confined: platform administrators alone may place there");
  }
  const types = createClawTypes({ softwareDir: join(env.dataDir, "software") });
  const exposed = await resealStored({ transactions, types, cipher });
  if (exposed.length > 0) {
    log.warn(
      { instances: exposed },
      "secrets that stood in clear are sealed now; in the claws' files and their stacks they are until these instances are restarted",
    );
  }
  const toolsDir = join(env.dataDir, "tools");
  if (env.engine === "cli") {
    // Here and not in a worker: who starts the service sees what is done, or what is missing.
    await findCli({ installDir: toolsDir, onProgress: (message) => log.info(message) });
  }
  const storeOf = (tenantId: string) => new PostgresStackStore(database.pool, tenantId);
  const stacks = createOperationPool({
    entry: new URL("../stack-worker.ts", import.meta.url),
    size: env.workers,
    env: {
      CLAW_DATABASE_URL: logins.worker,
      CLAW_ENGINE: env.engine,
      CLAW_STACK_KEY: stackKey(cipher),
      CLAW_TOOLS_DIR: toolsDir,
    },
    cacheDir: join(env.dataDir, "worker-cache"),
    // Else the stack stays locked until the dead process's lease runs out.
    onLost: async ({ tenantId, stack }) => {
      await storeOf(tenantId).breakLease({ project: PROJECT_NAME, stack });
    },
    stackName,
  });
  closers.push(stacks.close);
  const administration = createAdministration({ jobs: stacks, storeOf, projectName: PROJECT_NAME });

  const clusters = createClusters();
  closers.push(async () => clusters.close());
  const recorder = startUsageRecorder({ transactions, clusters, cipher, log });
  closers.push(() => recorder.stop());
  const storedLogs = (uid: InstanceId) => {
    const path = join(env.dataDir, "run", uid, "logs", "claw.log");
    return existsSync(path) ? new LogFile(path) : undefined;
  };
  const openChannel = createChannelOpener({ agents, pods: clusters, storedLogs, transactions, cipher });

  // Agents dial the port that the app comes to listen on.
  const local = { runtime: "process" as const, rootDir: env.dataDir, agentUrl: "" };
  const dependencies = {
    transactions,
    stacks,
    administration,
    adoptionOf,
    types,
    cipher,
    local,
    clock,
    agents,
    openChannel,
    unconfined,
    version,
    sweepSeconds: env.sweepSeconds,
    audit: (entry: AuditEntry) => log.warn(entry, "audit"),
    wake: () => reconciler.wake(),
  };
  const app = await buildApp({
    routes: createRouteHandlers(dependencies),
    authenticate: createAuthenticator(transactions),
    resolveTenant: (actor, ref) => resolveTenant(transactions, actor, ref),
    transactions,
    agents,
    openChannel,
    unconfined,
    log,
    isReady: async () => void (await transactions.platform((tx) => tx.tenants.get(SHARED_TENANT))),
  });
  closers.push(() => app.close());
  closers.push(() => agents.close());
  const url = await app.listen({ host: env.host, port: env.port }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EADDRINUSE"
      ? new ClawError("service.unavailable", `port ${env.port} is in use; set CLAW_PORT to another, or 0 for any free one`, {
          cause: error,
        })
      : error;
  });
  local.agentUrl = `${url.replace(/^http/, "ws")}/agent/v1`;

  const cleanUp = async (target: StackTarget, tenant: string, uid: string, withData: boolean) => {
    if (target.runtime === "kubernetes") {
      return clusters.cleanUp(target, target.namespace, uid, withData);
    }
    if (withData) {
      await removeClawFolder(instanceRoot(target.rootDir, tenant, uid));
    }
    return [];
  };
  const reconciler = startReconciler({ transactions, stacks, clusters, cleanUp, types, cipher, local, clock, log });
  const clusterDependencies = { ...dependencies, clusters, log };
  const sweeping = { transactions, graceSeconds: env.sweepSeconds, clock, log };
  const keeper = startClusterKeeper({
    transactions,
    log,
    parts: [
      createClusterMonitor(clusterDependencies),
      createCrdController(clusterDependencies),
      recorder.part,
      createClusterSweeper({ ...sweeping, clusters, cipher, administration }),
      createClusterWatcher({
        ...clusterDependencies,
        declared: async (tenantId, tenant, cluster) => {
          const ref = { project: PROJECT_NAME, stack: `${tenant}.${cluster}` };
          // Of a stack that the CLI keeps there may be an old copy here: a refresh compares with what the CLI has.
          const isHere = (await engineOf(storeOf(tenantId), ref)) === "embedded";
          return isHere ? (await storeOf(tenantId).loadResources(ref)).resources.map(({ state }) => state) : [];
        },
      }),
    ],
  });
  const refresher = startRefresher(env.refreshSeconds, { ...dependencies, log });
  const warming = warmAgents(env.dataDir, localLauncher);
  closers.push(() => warming);
  const hosted = createHostedInstances(env.dataDir, localLauncher);
  const sweeper = startHostSweeper(`${hostname()}:${env.dataDir}`, hosted, sweeping);
  const relay = startOutboxRelay({ transactions, bus, log });
  const reviver = startLoop(
    "agent-reviver",
    REVIVE_MS,
    async () => {
      const stopped = await revive(env.dataDir, local.agentUrl, log);
      for (const { tenantId, id } of await transactions.platform((tx) => tx.work.listStopping(LOCAL_CLUSTER))) {
        await (stopped.has(id) && reports.stopped(tenantId, id));
      }
      return false;
    },
    log,
  );
  const workers = [reconciler, keeper, refresher, sweeper, relay, reviver];
  closers.push(() => Promise.all(workers.map((worker) => worker.stop())));
  await writeAccess(env.dataDir, url, adminToken);
  return { url, adminToken };
}

/** What secrets are sealed with. It is asked for as the database's owner: the logins' passwords are made of it. */
async function openCipher(env: Environment, ownerUrl: string): Promise<SecretCipherAes> {
  const masterKey = env.masterKey ?? (await loadMasterKey(env.dataDir));
  const keys = new SecretCipherAes(masterKey, env.formerMasterKeys);
  const { transactions, close } = await openDatabase({ url: ownerUrl, connections: 1 });
  const derivation = await keepDerivation(transactions, keys, keys.derivation).finally(close);
  return new SecretCipherAes(masterKey, env.formerMasterKeys, derivation);
}

async function startPostgres(env: Environment, log: Logger, closers: Closers): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    dataDir: join(env.dataDir, "postgres"),
    toolsDir: join(env.dataDir, "tools"),
    log: (message) => log.info(message),
  });
  const owner = await postgres.own();
  if (owner !== undefined) {
    throw new ClawError("service.unavailable", await describeOther(env.dataDir, owner));
  }
  closers.push(postgres.stop);
  return postgres.url;
}

/** Where the control plane is that has the data folder already, and what to do. */
async function describeOther(dataDir: string, pid: number): Promise<string> {
  const file = accessFile(dataDir);
  const access = await readFile(file, "utf8").then(JSON.parse, () => undefined);
  const [state, use] =
    access?.pid === pid ? [`runs at ${access.url}`, `use it (its token is in ${file})`] : ["is just starting", "wait for it"];
  return `a control plane on the data folder ${dataDir} ${state} (pid ${pid}): ${use}, stop it with 'kill ${pid}', or start this one on another CLAW_DATA_DIR and CLAW_PORT`;
}

/** The administrator's token and the shared tenant, made once; several replicas may try at the same time. */
async function bootstrap(transactions: Transactions, adminToken: string): Promise<void> {
  await transactions.platform(async (tx) => {
    const token = { digest: digestToken(adminToken), subject: "admin", tenantId: undefined, platform: true };
    await tx.tokens.insert(token);
    // A new one replaces the former: whoever has that is let in no more.
    await tx.tokens.replaceOthers(token);
    if (await tx.tenants.find(SHARED_TENANT)) {
      return;
    }
    const now = new Date().toISOString();
    const common = { labels: {}, annotations: {}, generation: 1, resourceVersion: 1, createdAt: now, updatedAt: now };
    const id = newId("ten");
    await tx.tenants.insert({ ...common, id, name: SHARED_TENANT, spec: { quota: {}, policies: [], admins: [] } });
    await (await tx.enter(id)).projects.insert({ ...common, id: newId("prj"), tenantId: id, name: DEFAULT_PROJECT, spec: { quota: {} } });
  });
}

/**
 * Who holds a token. A tenant's is remembered for a moment, since every request asks: one that is taken back is refused as much later. The
 * administrator's is not: once it is replaced, by whichever replica, it is of no use.
 */
function createAuthenticator(transactions: Transactions): (token: string) => Promise<Actor | undefined> {
  const known = new Map<string, { readonly actor: Actor; readonly untilMs: number }>();
  return async (token) => {
    const digest = digestToken(token);
    const now = Date.now();
    const remembered = known.get(digest);
    if (remembered && now < remembered.untilMs) {
      return remembered.actor;
    }
    for (const [key, { untilMs }] of known) {
      if (untilMs <= now) {
        known.delete(key);
      }
    }
    const actor = await transactions.platform((tx) => tx.tokens.find(digest));
    if (actor && !actor.platform) {
      known.set(digest, { actor, untilMs: now + TOKEN_REMEMBERED_MS });
    }
    return actor;
  };
}

/** The tenant that a request names, or the credential's own. Another's is as if it did not exist. */
async function resolveTenant(
  transactions: Transactions,
  actor: Actor,
  ref: string | undefined,
): Promise<{ id: TenantId; name: string } | undefined> {
  const wanted = ref ?? actor.tenantId;
  if (wanted === undefined) {
    return undefined;
  }
  const tenant = await transactions.platform((tx) => tx.tenants.find(wanted));
  if (!tenant || (!actor.platform && tenant.id !== actor.tenantId)) {
    throw new ClawError("tenant.not_found", `there is no tenant '${wanted}'`);
  }
  return tenant;
}

function verifyAgent(cipher: SecretCipher, uid: string, token: string): boolean {
  return isSameToken(token, cipher.derive(agentTokenPurpose(uid)));
}

/** The key that wraps the stacks' data keys. */
function stackKey(cipher: SecretCipher): string {
  return Buffer.from(cipher.derive("stack-key"), "base64url").toString("base64");
}

/**
 * Starts agents that died, each of which adopts its claw, starts it or ends it, and tells those that run where the control plane is now.
 * @returns the instances that have neither agent nor claw, as they are to
 */
async function revive(dataDir: string, agentUrl: string, log: Logger): Promise<ReadonlySet<string>> {
  const { revived, failed, stopped } = await reviveAgents(dataDir, agentUrl, localLauncher);
  if (revived.length + failed.length > 0) {
    log.warn({ revived, failed }, "agents that were not running were started");
  }
  return new Set(stopped);
}

/** Where the local tools and the quickstart find the service; replaced whole, readable by its owner alone. */
async function writeAccess(dataDir: string, url: string, token: string): Promise<void> {
  const file = accessFile(dataDir);
  await writeFile(`${file}.new`, `${JSON.stringify({ url, token, pid: process.pid })}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function accessFile(dataDir: string): string {
  return join(dataDir, "access.json");
}
