import type { RouteId } from "../contract/index.ts";
import { type Page, PagePromise } from "./page.ts";
import { type ClientRoute, clientRoutes } from "./routes.ts";
import { type InstanceStreams, instanceStreams } from "./streams.ts";
import { send, type TransportOptions } from "./transport.ts";
import type { Api, RequestOptions } from "./types.ts";

/** How to reach the control plane. */
export interface ClawOptions {
  /** @default the environment's `CLAW_URL`, else `http://127.0.0.1:8787` */
  readonly url?: string | undefined;
  /** An API token. @default the environment's `CLAW_TOKEN` */
  readonly token?: string | undefined;
  /** The tenant to act in, for tokens that have several. @default the environment's `CLAW_TENANT` */
  readonly tenant?: string | undefined;
  /** How long one attempt may take. @default 60000 */
  readonly timeoutMs?: number;
  /** How often a failed call is tried again when that may help. @default 2 */
  readonly maxRetries?: number;
  /** @default the global `fetch` */
  readonly fetch?: typeof fetch;
}

/**
 * The client of the control plane: each route of the contract is a method, `instances.list` is `claw.instances.list()`.
 * @example
 * const claw = new Claw({ url: "https://claw.example.com", token, tenant: "acme" });
 * for await (const instance of claw.instances.list({ labelSelector: "team=red" })) console.log(instance.metadata.name);
 */
export class Claw {
  readonly instances: Api["instances"] & InstanceStreams;
  readonly configs: Api["configs"];
  readonly tenants: Api["tenants"];
  readonly projects: Api["projects"];
  readonly clusters: Api["clusters"];
  readonly leftovers: Api["leftovers"];
  readonly previews: Api["previews"];
  readonly stacks: Api["stacks"];
  readonly types: Api["types"];
  readonly service: Api["service"];
  readonly #config: TransportOptions;

  constructor(options: ClawOptions = {}) {
    const env = environment();
    this.#config = {
      url: options.url ?? env["CLAW_URL"] ?? "http://127.0.0.1:8787",
      token: options.token ?? env["CLAW_TOKEN"],
      tenant: options.tenant ?? env["CLAW_TENANT"],
      timeoutMs: options.timeoutMs ?? 60_000,
      maxRetries: options.maxRetries ?? 2,
      fetch: options.fetch ?? fetch,
    };
    const config = this.#config;
    const instances = methodsOf(config, "instances");
    this.instances = { ...instances, ...instanceStreams(config, instances) };
    this.configs = methodsOf(config, "configs");
    this.tenants = methodsOf(config, "tenants");
    this.projects = methodsOf(config, "projects");
    this.clusters = methodsOf(config, "clusters");
    this.leftovers = methodsOf(config, "leftovers");
    this.previews = methodsOf(config, "previews");
    this.stacks = methodsOf(config, "stacks");
    this.types = methodsOf(config, "types");
    this.service = methodsOf(config, "service");
  }

  /** The control plane's address. */
  get url(): string {
    return this.#config.url;
  }

  /** The same client with some options changed. */
  withOptions(options: ClawOptions): Claw {
    return new Claw({ ...this.#config, ...options });
  }
}

function methodsOf<A extends keyof Api>(config: TransportOptions, area: A): Api[A] {
  const methods: Record<string, unknown> = {};
  for (const [id, route] of clientRoutes) {
    const [routeArea, verb] = id.split(".") as [string, string];
    if (routeArea === area) {
      methods[verb] = (...args: unknown[]) => call(config, id, route, args);
    }
  }
  // The one cast of the client: `Api` is computed from the same route ids.
  return methods as Api[A];
}

function call(config: TransportOptions, id: RouteId, route: ClientRoute, args: readonly unknown[]): unknown {
  const rest = [...args];
  let path = route.path;
  if (path.includes(":id")) {
    const resource = rest.shift();
    if (typeof resource !== "string" || resource === "") {
      throw new TypeError(`claw.${id}: the first argument is the resource's name or uid, a string that is not empty`);
    }
    path = path.replace(":id", encodeURIComponent(resource));
  }
  const input = route.input === "none" ? undefined : rest.shift();
  const { signal, timeoutMs, maxRetries, idempotencyKey, ifMatch, ...writeQuery } = (rest.shift() ?? {}) as RequestOptions &
    Record<string, unknown>;
  const options: RequestOptions = {
    signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
  };
  const query = { ...writeQuery, ...(route.input === "query" ? (input ?? {}) : {}) };
  const body = route.input === "body" ? (input ?? {}) : undefined;
  const request = (more: Record<string, unknown> = {}) =>
    send(config, { method: route.method, path, query: { ...query, ...more }, body }, options);
  return route.output === "page"
    ? new PagePromise((cursor) => request(cursor === undefined ? {} : { cursor }) as Promise<Page<unknown>>)
    : request();
}

/** Browsers have no environment. */
function environment(): Readonly<Record<string, string | undefined>> {
  return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
}
