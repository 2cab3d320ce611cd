import { createHash } from "node:crypto";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { ResourceProvider } from "../contract/provider.ts";
import type { PropertyMap } from "../contract/values.ts";
import type { ProviderHost, WantedPlugin } from "../operation.ts";
import { GrpcProvider } from "./grpc-provider.ts";
import { locatePlugin, type PluginLaunch, type PluginSearch } from "./locate-plugin.ts";
import { PluginProcess } from "./plugin-process.ts";

export interface WarmProviderHostOptions {
  /** Providers that run in this process, by package: one is made per configuration. */
  readonly inProcess?: Readonly<Record<string, () => ResourceProvider | Promise<ResourceProvider>>>;
  /** For plugins: where they are looked for, and their environment. @default process.env */
  readonly env?: PluginSearch["env"];
  /** After a cancel, how long a plugin may go on with its running calls before its process is ended. @default 60000 */
  readonly cancelGraceMs?: number;
  /**
   * How long a plugin may take to answer what changes nothing (Configure, Check, Diff), and may exceed the time that a resource gives it.
   * One that hangs is ended, and the next call gets a new one. @default 120000
   */
  readonly answerWithinMs?: number;
}

/** Configurations of one provider that are kept warm; those beyond it are closed, the longest unused first. */
const CONFIGURATIONS_KEPT = 16;

type Start = () => Promise<ResourceProvider>;

/** Finds providers and keeps them warm, one per package, version and configuration. */
export class WarmProviderHost implements ProviderHost {
  readonly #options: WarmProviderHostOptions;
  readonly #search: PluginSearch;
  readonly #shared: { readonly pools: Map<string, ProviderPool>; engine?: Promise<EngineServer> };

  constructor(options: WarmProviderHostOptions = {}) {
    this.#options = options;
    this.#search = { env: options.env ?? process.env };
    this.#shared = { pools: new Map() };
  }

  /** The same host, which also looks where the project's `Pulumi.yaml` says. */
  forProject(project: NonNullable<PluginSearch["project"]>): ProviderHost {
    return { load: (name, wanted) => this.#load({ ...this.#search, project }, name, wanted) };
  }

  load(packageName: string, wanted?: WantedPlugin): Promise<ResourceProvider> {
    return this.#load(this.#search, packageName, wanted);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#shared.pools.values()].map((pool) => pool.close()));
    this.#shared.pools.clear();
    (await this.#shared.engine)?.server.forceShutdown();
    delete this.#shared.engine;
  }

  async #load(search: PluginSearch, packageName: string, wanted: WantedPlugin = {}): Promise<ResourceProvider> {
    const make = this.#options.inProcess?.[packageName];
    if (make && Object.keys(wanted.envVarMappings ?? {}).length > 0) {
      throw new Error(
        `envVarMappings of the provider '${packageName}' can't be followed: it has no process, so no environment, of its own`,
      );
    }
    const pool = make ? this.#pool(`in-process ${packageName}`, async () => make()) : await this.#pluginPool(search, packageName, wanted);
    return new PooledProvider(pool, await pool.spare());
  }

  async #pluginPool(search: PluginSearch, packageName: string, { version, envVarMappings = {} }: WantedPlugin): Promise<ProviderPool> {
    const launch = await locatePlugin(search, packageName, version);
    const mapped = Object.entries(envVarMappings).filter(([from]) => this.#search.env[from] !== undefined);
    const env = { ...this.#search.env, ...Object.fromEntries(mapped.map(([from, to]) => [to, this.#search.env[from]])) };
    return this.#pool(JSON.stringify([launch.command, launch.args, mapped.sort()]), () => this.#start(packageName, launch, env));
  }

  #pool(id: string, start: Start): ProviderPool {
    const existing = this.#shared.pools.get(id);
    if (existing) {
      return existing;
    }
    const pool = new ProviderPool(start, this.#options.cancelGraceMs ?? 60_000);
    this.#shared.pools.set(id, pool);
    return pool;
  }

  async #start(packageName: string, launch: PluginLaunch, env: PluginSearch["env"]): Promise<ResourceProvider> {
    this.#shared.engine ??= serveEngine();
    const { address } = await this.#shared.engine;
    const process = await PluginProcess.start(launch, address, env);
    return GrpcProvider.connect(packageName, process, address, this.#options.answerWithinMs ?? 120_000);
  }
}

/** The instances of one provider: a spare one for questions about configurations, and one per configuration in use. */
class ProviderPool {
  readonly #start: Start;
  readonly #cancelGraceMs: number;
  /** By configuration. */
  readonly #configured = new Map<string, Promise<ResourceProvider>>();
  /** The same, also while they are being configured: one that hangs in it must be found by a cancel. */
  readonly #instances = new Map<string, ResourceProvider>();
  #spare: Promise<ResourceProvider> | undefined;

  constructor(start: Start, cancelGraceMs: number) {
    this.#start = start;
    this.#cancelGraceMs = cancelGraceMs;
  }

  async spare(): Promise<ResourceProvider> {
    const known = await this.#spare;
    if (known && isUsable(known)) {
      return known;
    }
    const started = this.#start();
    this.#spare = started;
    started.catch(() => {
      if (this.#spare === started) {
        this.#spare = undefined;
      }
    });
    return started;
  }

  async configured(configuration: Configuration): Promise<ResourceProvider> {
    const { key, config } = configuration;
    const known = this.#configured.get(key);
    if (known) {
      const provider = await known;
      if (isUsable(provider)) {
        // The most recently used comes last.
        this.#configured.delete(key);
        this.#configured.set(key, known);
        return provider;
      }
      if (this.#configured.get(key) === known) {
        this.#forget(key);
      }
      return this.configured(configuration);
    }
    const taken = this.#spare ?? this.#start();
    this.#spare = undefined;
    const configuring = taken.then(async (provider) => {
      const usable = isUsable(provider) ? provider : await this.#start();
      this.#instances.set(key, usable);
      await usable.configure(config);
      return usable;
    });
    this.#configured.set(key, configuring);
    configuring.catch(() => {
      if (this.#configured.get(key) === configuring) {
        this.#forget(key);
      }
    });
    void this.#closeUnused();
    return configuring;
  }

  /** Cancels the running calls of a configuration's instance. A plugin that was told to stop serves nobody afterwards. */
  async cancel(key: string | undefined): Promise<void> {
    const provider = key === undefined ? await this.#spare : this.#instances.get(key);
    if (!(provider instanceof GrpcProvider)) {
      await provider?.cancel?.();
      return;
    }
    if (key === undefined) {
      this.#spare = undefined;
    } else {
      this.#forget(key);
    }
    const kill = setTimeout(() => provider.kill(), this.#cancelGraceMs);
    kill.unref();
    void whenIdle(provider).then(async () => {
      clearTimeout(kill);
      await provider.close();
    });
    await provider.cancel().catch(() => provider.kill());
  }

  #forget(key: string): void {
    this.#configured.delete(key);
    this.#instances.delete(key);
  }

  async close(): Promise<void> {
    const all = [...this.#configured.values(), ...(this.#spare ? [this.#spare] : [])];
    this.#configured.clear();
    this.#instances.clear();
    this.#spare = undefined;
    await Promise.allSettled(all.map(async (provider) => (await provider).close?.()));
  }

  async #closeUnused(): Promise<void> {
    for (const [key, configured] of this.#configured) {
      if (this.#configured.size <= CONFIGURATIONS_KEPT) {
        return;
      }
      const provider = await configured.catch(() => undefined);
      if (!provider || (provider instanceof GrpcProvider && provider.isBusy)) {
        continue;
      }
      this.#forget(key);
      await provider.close?.();
    }
  }
}

/** What a provider is configured with, and what that is known again by. */
interface Configuration {
  readonly key: string;
  readonly config: PropertyMap;
}

function configurationOf(config: PropertyMap): Configuration {
  return { key: createHash("sha256").update(JSON.stringify(config)).digest("base64"), config };
}

function isUsable(provider: ResourceProvider): boolean {
  return !(provider instanceof GrpcProvider) || provider.isAlive;
}

async function whenIdle(provider: GrpcProvider): Promise<void> {
  while (provider.isBusy) {
    await new Promise((resolve) => setTimeout(resolve, 50).unref());
  }
}

/** What an operation holds of a provider: the shared instance of its configuration, started anew when it died. */
class PooledProvider implements ResourceProvider {
  readonly packageName: string;
  readonly #pool: ProviderPool;
  #latest: ResourceProvider;
  #configuration: Configuration | undefined;

  constructor(pool: ProviderPool, spare: ResourceProvider) {
    this.#pool = pool;
    this.#latest = spare;
    this.packageName = spare.packageName;
  }

  get version(): string {
    return this.#latest.version;
  }
  get acceptsSecrets(): boolean {
    return this.#latest.acceptsSecrets;
  }
  get supportsPreview(): boolean {
    return this.#latest.supportsPreview;
  }
  get supportsNaming(): boolean {
    return this.#latest.supportsNaming ?? false;
  }

  async configure(config: PropertyMap): Promise<void> {
    this.#configuration = configurationOf(config);
    await this.#current();
  }

  async #current(): Promise<ResourceProvider> {
    this.#latest = this.#configuration ? await this.#pool.configured(this.#configuration) : await this.#pool.spare();
    return this.#latest;
  }

  async checkConfig(req: Parameters<NonNullable<ResourceProvider["checkConfig"]>>[0]) {
    const provider = await this.#pool.spare();
    return provider.checkConfig?.(req) ?? { inputs: req.news, failures: [] };
  }
  async diffConfig(req: Parameters<NonNullable<ResourceProvider["diffConfig"]>>[0]) {
    const provider = await this.#pool.spare();
    return provider.diffConfig?.(req) ?? { changes: "unknown" as const };
  }
  async check(req: Parameters<ResourceProvider["check"]>[0]) {
    return (await this.#current()).check(req);
  }
  async diff(req: Parameters<ResourceProvider["diff"]>[0]) {
    return (await this.#current()).diff(req);
  }
  async create(req: Parameters<ResourceProvider["create"]>[0]) {
    return (await this.#current()).create(req);
  }
  async read(req: Parameters<ResourceProvider["read"]>[0]) {
    return (await this.#current()).read(req);
  }
  async update(req: Parameters<ResourceProvider["update"]>[0]) {
    return (await this.#current()).update(req);
  }
  async delete(req: Parameters<ResourceProvider["delete"]>[0]) {
    return (await this.#current()).delete(req);
  }
  async invoke(...[token, args]: Parameters<NonNullable<ResourceProvider["invoke"]>>) {
    const provider = await this.#current();
    if (!provider.invoke) {
      throw new Error(`the ${this.packageName} provider has no functions`);
    }
    return provider.invoke(token, args);
  }
  async cancel(): Promise<void> {
    await this.#pool.cancel(this.#configuration?.key);
  }
}

interface EngineServer {
  readonly server: Server;
  readonly address: string;
}

/** Plugins log to their engine. Warm plugins outlive operations, so what they log is nobody's in particular and is dropped. */
async function serveEngine(): Promise<EngineServer> {
  const server = new Server();
  const unimplemented = (_call: unknown, callback: (error: { code: number }) => void) => callback({ code: status.UNIMPLEMENTED });
  server.addService(EngineService, {
    ...Object.fromEntries(Object.keys(EngineService).map((method) => [method, unimplemented])),
    log: (_call: unknown, callback: (error: null, response: empty.Empty) => void) => callback(null, new empty.Empty()),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { server, address: `127.0.0.1:${port}` };
}
