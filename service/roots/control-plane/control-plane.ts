import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { createClawChecker } from "../../../adapters/claws/claw-checker.ts";
import { createClawTypes } from "../../../adapters/claws/claw-types.ts";
import { isPackage, openPackagedType } from "../../../adapters/claws/packaged/packaged-adapter.ts";
import { removeClawFolder } from "../../../adapters/confinement/claw-folder.ts";
import { confinementOf } from "../../../adapters/confinement/confinement.ts";
import { writeAccess } from "../../../adapters/identity/access-file.ts";
import { keyIdOf } from "../../../adapters/identity/cipher.ts";
import { hostSecrets } from "../../../adapters/identity/host-secrets.ts";
import { openJwtIdentities } from "../../../adapters/identity/jwt-identities.ts";
import { openOidcSignIn } from "../../../adapters/identity/oidc-sign-in.ts";
import { VaultKv } from "../../../adapters/identity/vault-secrets.ts";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import { InProcessBus } from "../../../adapters/nats/in-process-bus.ts";
import { openJetStreamBus } from "../../../adapters/nats/jetstream-bus.ts";
import { listen } from "../../../adapters/postgres/listen.ts";
import { localLauncher, reviveAgents, warmAgents } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { createHostedInstances } from "../../../adapters/providers/clusterclaw/hosted-instances.ts";
import { registryCircuits } from "../../../adapters/providers/clusterclaw/registry-circuit.ts";
import { ReplicaRelay } from "../../../adapters/relay/replica-relay.ts";
import { instanceRoot } from "../../../components/claw-instance/instance-dirs.ts";
import { adoptionOf, runtimeComponents } from "../../../components/claw-instance/runtimes.ts";
import { createStoredLogs } from "../../agent/stored-logs.ts";
import type { StartToken } from "../../application/access/administrator.ts";
import { createAccess } from "../../application/access/authenticate.ts";
import { assertBootstrapped, bootstrap } from "../../application/access/bootstrap.ts";
import { endSession, enterByLink, makeSignInLink, openSession } from "../../application/access/sessions.ts";
import { verifyAgent } from "../../application/access/verify-agent.ts";
import { createApplication } from "../../application/application.ts";
import { Refusals } from "../../application/audit/refusals.ts";
import { createSecretSources } from "../../application/configs/secret-sources.ts";
import { createAgentReports } from "../../application/instances/agent-reports.ts";
import { createConfigChecks } from "../../application/instances/config-checks.ts";
import { Deliveries } from "../../application/instances/deliveries.ts";
import { Entries } from "../../application/instances/entries.ts";
import { createChannelOpener } from "../../application/instances/open-channel.ts";
import { relayedAgents } from "../../application/instances/relayed-agents.ts";
import { createVisits } from "../../application/instances/visits.ts";
import { RELAY_PURPOSE } from "../../application/ports/instances/relay.ts";
import type { Host } from "../../application/ports/runtimes/host.ts";
import type { Vitals } from "../../application/ports/service/vitals.ts";
import { createRuntimes } from "../../application/runtimes/runtimes.ts";
import { resealStored } from "../../application/secrets/reseal.ts";
import type { Environment } from "../../config/environment.ts";
import { signInOf } from "../../config/issuers.ts";
import { Tallies } from "../../domain/tallies.ts";
import { createAgentHub } from "../../http/agents/agent-hub.ts";
import { agentUrlOf } from "../../http/agents/agent-socket.ts";
import { buildApp } from "../../http/app.ts";
import { byHost } from "../../http/by-host.ts";
import { SharedCounters } from "../../http/limits/shared-counters.ts";
import { bindPort } from "../../http/listener.ts";
import { buildOrigins } from "../../http/origins/origins.ts";
import { ChangeFeed } from "../../http/streams/change-feed.ts";
import { OpenStreams } from "../../http/streams/open-streams.ts";
import { startAgentReviver } from "../../workers/agent-reviver.ts";
import { startAuditKeeper } from "../../workers/audit-keeper.ts";
import { startAuditTeller } from "../../workers/audit-teller.ts";
import { startClusterKeeper } from "../../workers/cluster-keeper.ts";
import { createClusterMeter } from "../../workers/cluster-meter.ts";
import { createClusterMonitor } from "../../workers/cluster-monitor.ts";
import { startClusterParting } from "../../workers/cluster-parting.ts";
import { createClusterWatcher } from "../../workers/cluster-watcher.ts";
import { startConsistencyChecker } from "../../workers/consistency-checker.ts";
import { createCustomResourceCarrier } from "../../workers/custom-resource-carrier.ts";
import { startDeliverer } from "../../workers/deliverer.ts";
import { startKeyWatcher } from "../../workers/key-watcher.ts";
import { startOutboxRelay } from "../../workers/outbox-relay.ts";
import { startReconciler } from "../../workers/reconciler.ts";
import { startRefresher } from "../../workers/refresher.ts";
import { startReplicaTeller } from "../../workers/replica-teller.ts";
import { startRolloutDriver } from "../../workers/rollouts/rollout-driver.ts";
import { startSecretReader } from "../../workers/secret-reader.ts";
import { createClusterSweeper, startHostSweeper } from "../../workers/sweeper.ts";
import { startTokenRenewer } from "../../workers/token-renewer.ts";
import { startUsageRecorder } from "../../workers/usage-recorder.ts";
import { createWakeUp } from "../../workers/wake-up.ts";
import type { Closers } from "./closers.ts";
import { openEngine } from "./engine.ts";
import { handings } from "./handings.ts";
import { instanceOriginsOf } from "./instance-origins.ts";
import { findDatabase, openStores } from "./stores.ts";
import { watchVitals } from "./vitals.ts";

/** Where it is built: beside the compiled service, or by a checkout's sources. */
const consoleFolder = fileURLToPath(
  new URL(extname(import.meta.url) === ".ts" ? "../../../dist/console" : "../../../console", import.meta.url),
);
const DOCKER_SOCKET = "/var/run/docker.sock";

export interface ControlPlane {
  readonly url: string;
  /** The platform administrator's token. */
  readonly administrator: StartToken;
  /** Ends requests and operations under way in order. Instances go on. */
  stop(): Promise<void>;
}

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
  // Before the port: of two that start on one data folder, the other one is told whose it is.
  const ownerUrl = await findDatabase(env, log, closers);
  const listener = await bindPort({ ...env, onTlsFailure: (err) => log.error({ err }, "the certificate in use stays") });
  closers.push(listener.close);
  const tallies = new Tallies();
  const stores = await openStores(env, ownerUrl, { name: `${hostname()}/${process.pid}`, version }, tallies, closers);
  const { transactions, cipher } = stores;
  const administrator = await bootstrap(transactions, cipher, env.adminToken);

  const clock = () => new Date();
  const local = { runtime: "process" as const, rootDir: env.dataDir, agentUrl: agentUrlOf(listener.localUrl) };
  const confinement = confinementOf(env.dataDir);
  const unconfined = confinement.kind === "none" ? confinement : undefined;
  if (unconfined) {
    log.warn(unconfined, "claws of this host are not confined: platform administrators alone may place there");
  }
  const packaged = await Promise.all(env.typeFolders.filter(isPackage).map(openPackagedType));
  closers.push(
    ...packaged.map(
      ({ close }) =>
        async () =>
          close(),
    ),
  );
  const types = createClawTypes({
    folders: env.typeFolders.filter((folder) => !isPackage(folder)),
    packaged: packaged.map(({ type }) => type),
  });
  const exposed = await resealStored({ transactions, types, cipher });
  if (exposed.length > 0) {
    log.warn(
      { instances: exposed },
      "secrets that stood in clear are sealed now; in the claws' files and their stacks they are until these instances are restarted",
    );
  }

  const softwareDir = join(env.dataDir, "software");
  const programs = createClawChecker({
    entry: new URL(`../claw-checker${extname(import.meta.url)}`, import.meta.url),
    cacheDir: softwareDir,
  });
  closers.push(programs.close);
  const checks = createConfigChecks({ transactions, programs, clock });

  const bus = env.natsUrl === undefined ? new InProcessBus() : openJetStreamBus({ url: env.natsUrl });
  closers.push(() => bus.close());
  const { stacks, administration, declared } = await openEngine(env, stores, log, closers);
  const clusters = createClusters();
  closers.push(async () => clusters.close());
  const reports = createAgentReports({ transactions, clock });
  const deliveries = new Deliveries();
  const hub = createAgentHub({
    deliveries,
    verifyAgent: (uid, token) => verifyAgent(stores, uid, token),
    onStatus: reports.status,
    onDisconnect: reports.disconnected,
    clock,
    log,
  });
  const relayToken = cipher.derive(RELAY_PURPOSE);
  const agents = relayedAgents(
    hub,
    new ReplicaRelay({
      token: relayToken,
      urls: async () => (await transactions.reads.platform((tx) => tx.replicas.urls())).filter((url) => url !== env.replicaUrl),
    }),
  );
  const host: Host = {
    storedLogs: createStoredLogs(env.dataDir),
    removeData: (tenant, uid) => removeClawFolder(instanceRoot(env.dataDir, tenant, uid)),
  };
  const runtimes = createRuntimes({
    local,
    host,
    agents,
    clusters,
    transactions,
    cipher,
    declared,
    handings,
    components: runtimeComponents,
  });
  const openChannel = createChannelOpener(runtimes);
  const recorder = startUsageRecorder({ transactions, runtimes, log });
  closers.push(() => recorder.stop());

  const watched = watchVitals();
  closers.push(async () => watched.stop());
  const providers = openJwtIdentities(env.issuers);
  const places = openOidcSignIn(env.issuers, providers);
  const vault = env.vaultSecrets && new VaultKv(env.vaultSecrets, env.vaultSecrets.folder);
  const vitals = (): Vitals => ({
    ...watched.read(),
    circuits: [
      ...("circuit" in bus ? [bus.circuit] : []),
      ...clusters.circuits(),
      ...providers.circuits(),
      ...places.circuits(),
      ...registryCircuits(softwareDir),
      ...stores.keys.circuits(),
      ...(vault ? [vault.circuit] : []),
    ],
  });
  const keyWatcher = startKeyWatcher({ transactions, provider: stores.keys.provider, idOf: keyIdOf, log });
  closers.push(() => keyWatcher.stop());
  const { wake, onWake } = createWakeUp();
  const secretSources = createSecretSources({ transactions, runtimes, host: hostSecrets, vault });
  const changes = new ChangeFeed();
  const others = listen(stores.serviceUrl, {
    onWork: wake,
    onChange: (tenantId, id) => changes.tell(tenantId, id),
    onAgent: (id) => void hub.recheck(id),
    onBegin() {
      wake();
      void hub.recheck();
      changes.tellAll();
    },
  });
  closers.push(others.close);
  const origins = instanceOriginsOf(env, listener.url);
  const { routes, targetOf, visibleTo, dependencies } = createApplication({
    transactions,
    stacks,
    administration,
    adoptionOf,
    types,
    checks,
    cipher,
    secretSources,
    runtimes,
    clock,
    agents,
    openChannel,
    origins,
    unconfined,
    // One that is confined sees no socket of the host's.
    hasDocker: unconfined !== undefined && existsSync(DOCKER_SOCKET),
    version,
    vitals,
    sweepSeconds: env.sweepSeconds,
    signIn: signInOf(env.issuers),
    auditSigner: stores.signer,
    tallies,
    wake,
  });
  const signIns = { transactions, cipher, clock };
  const access = createAccess({ transactions, clock, providers });
  const refusals = new Refusals({ transactions, clock, tallies });
  const entries = new Entries({ transactions, clock });
  closers.push(async () => void (await Promise.all([refusals.tell(true), entries.tell(true)])));
  const open = new OpenStreams();
  const limiting = { limits: env.rateLimits, counters: new SharedCounters({ transactions, log }) };
  const app = await buildApp({
    log,
    trustedProxies: env.trustedProxies,
    browserRules: { origins: env.corsOrigins },
    rateLimit: limiting,
    identity: { access },
    tenant: { access },
    audit: { refusals },
    idempotency: { transactions },
    signIn: {
      access,
      browser: places,
      open: (newcomer) => openSession(newcomer, "cookie", signIns),
      end: (actor, id) => endSession(actor, id, signIns),
      link: (newcomer) => makeSignInLink(newcomer, signIns),
      enter: (ticket, from) => enterByLink(ticket, from, signIns),
      cipher,
    },
    console: { folder: consoleFolder },
    metrics: { vitals, tallies, open, keys: keyWatcher.seen },
    probes: { assertReady: () => assertBootstrapped(transactions) },
    routes: { handlers: routes },
    streams: {
      access,
      targetOf,
      visibleTo,
      changes,
      agents,
      openChannel,
      entries,
      refusals,
      open,
      tallies,
      consoles: { transactions, cipher },
      chatSessions: { transactions, clock },
      unconfined,
    },
    agents: { hub },
    relay: { agents: hub, token: relayToken },
  });
  closers.push(() => app.close().finally(listener.close));
  closers.push(() => hub.close());
  if (origins) {
    const visits = createVisits({ transactions, clock, access, targetOf });
    const { trustedProxies } = env;
    const pages = await buildOrigins({ log, trustedProxies, rateLimit: limiting, visits, openChannel, entries, open, tallies });
    closers.push(() => pages.close());
    listener.serve(byHost(origins.domain, pages, app));
  } else {
    listener.serve(app);
  }

  const clusterDependencies = { ...dependencies, declared, log };
  const sweeping = { transactions, graceSeconds: env.sweepSeconds, clock, log };
  const warming = warmAgents(env.dataDir, localLauncher);
  closers.push(() => warming);
  const workers = [
    startDeliverer({ transactions, runtimes, types, checks, cipher, clock, deliveries, tallies, wake, onWake, log }),
    startConsistencyChecker({ ...dependencies, deliveries, log }),
    startReconciler({ transactions, stacks, administration, runtimes, types, checks, cipher, clock, onWake, log }),
    startClusterKeeper({
      transactions,
      log,
      parts: [
        createClusterMonitor(clusterDependencies),
        createCustomResourceCarrier({ ...clusterDependencies, refusals }),
        createClusterMeter({ runtimes, note: recorder.note, log }),
        createClusterSweeper({ ...sweeping, runtimes, administration }),
        createClusterWatcher(clusterDependencies),
      ],
    }),
    startClusterParting({ transactions, runtimes, log }),
    startRolloutDriver({ ...dependencies, onWake, log }),
    startRefresher(env.refreshSeconds, { ...dependencies, log }),
    startHostSweeper(`${hostname()}:${env.dataDir}`, createHostedInstances(env.dataDir, localLauncher), sweeping),
    startSecretReader({ transactions, cipher, sources: secretSources, clock, tallies, wake, log }),
    ...(env.replicaUrl === undefined ? [] : [startReplicaTeller({ url: env.replicaUrl, transactions, log })]),
    startTokenRenewer({ transactions, clock, wake, log }),
    startOutboxRelay({ transactions, bus, log }),
    startAuditTeller([refusals, entries], log),
    startAuditKeeper({ transactions, auditSigner: stores.signer, clock, days: env.auditDays, log }),
    startAgentReviver({
      transactions,
      hostAgents: { revive: () => reviveAgents(env.dataDir, local.agentUrl, localLauncher) },
      clock,
      log,
    }),
  ];
  closers.push(() => Promise.all(workers.map((worker) => worker.stop())));
  await writeAccess(env.dataDir, { url: listener.localUrl, token: administrator.token, pid: process.pid });
  return { url: listener.url, administrator };
}
