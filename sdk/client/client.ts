import type { RouteId } from "../contract/index.ts";
import { Instance, type InstanceStreams, isInstance } from "./instance.ts";
import { isPage, PagePromise } from "./page.ts";
import { isPreview, Plan } from "./plan.ts";
import { type ClientRoute, clientRoutes } from "./routes.ts";
import { instanceStreams } from "./streams.ts";
import {
  notAControlPlane,
  type RequestOptions,
  send,
  type TokenSource,
  type TransportOptions,
  type WebSocketConstructor,
} from "./transport.ts";
import { Turnstile } from "./turnstile.ts";
import type { Api } from "./types.ts";

/** How to reach the control plane. */
export interface ClawOptions {
  /** @default the environment's `CLAW_URL`, else `http://127.0.0.1:8787` */
  readonly url?: string | undefined;
  /**
   * An API token (an empty one is none), or a function that gives one: it is asked before each request, when a stream is opened again because its token ran out, and now and then while a terminal or a connection is open.
   * @default the environment's `CLAW_TOKEN`
   */
  readonly token?: TokenSource | undefined;
  /** The tenant to act in, for tokens that have several. @default the environment's `CLAW_TENANT` */
  readonly tenant?: string | undefined;
  /** How long one attempt may take. @default 60000 */
  readonly timeoutMs?: number;
  /** How often a failed call is tried again when that may help. @default 2 */
  readonly maxRetries?: number;
  /** @default the global `fetch` */
  readonly fetch?: typeof fetch;
  /** Is told what is done all the same, and violates a policy that warns. @default nobody is */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** What streams are made with. @default the global `WebSocket`, which Node has since version 22 */
  readonly WebSocket?: WebSocketConstructor | undefined;
}

/** Between two looks at instances that are watched. */
const LOOK_INTERVAL_MS = 25;

/**
 * The client of the control plane: each route of the contract is a method, `instances.list` is `claw.instances.list()`.
 * @example
 * const claw = new Claw({ url: "https://claw.example.com", token, tenant: "acme" });
 * for await (const instance of claw.instances.list({ labelSelector: "team=red" })) console.log(instance.metadata.name);
 */
export class Claw {
  readonly instances: Api["instances"] & InstanceStreams;
  readonly configs: Api["configs"];
  readonly values: Api["values"];
  readonly secrets: Api["secrets"];
  readonly tenants: Api["tenants"];
  readonly projects: Api["projects"];
  readonly roles: Api["roles"];
  readonly roleBindings: Api["roleBindings"];
  readonly serviceAccounts: Api["serviceAccounts"];
  readonly tokens: Api["tokens"];
  readonly sessions: Api["sessions"];
  readonly policies: Api["policies"];
  readonly rollouts: Api["rollouts"];
  readonly access: Api["access"];
  readonly audit: Api["audit"];
  readonly recordings: Api["recordings"];
  readonly clusters: Api["clusters"];
  readonly leftovers: Api["leftovers"];
  readonly previews: Api["previews"];
  readonly stacks: Api["stacks"];
  readonly types: Api["types"];
  readonly clawTypes: Api["clawTypes"];
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
      onWarning: options.onWarning,
      WebSocket: options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket,
    };
    const instances = this.#methodsOf("instances");
    this.instances = { ...instances, ...instanceStreams(this.#config, instances, new Turnstile(LOOK_INTERVAL_MS)) };
    this.configs = this.#methodsOf("configs");
    this.values = this.#methodsOf("values");
    this.secrets = this.#methodsOf("secrets");
    this.tenants = this.#methodsOf("tenants");
    this.projects = this.#methodsOf("projects");
    this.roles = this.#methodsOf("roles");
    this.roleBindings = this.#methodsOf("roleBindings");
    this.serviceAccounts = this.#methodsOf("serviceAccounts");
    this.tokens = this.#methodsOf("tokens");
    this.sessions = this.#methodsOf("sessions");
    this.rollouts = this.#methodsOf("rollouts");
    this.policies = this.#methodsOf("policies");
    this.access = this.#methodsOf("access");
    this.audit = this.#methodsOf("audit");
    this.recordings = this.#methodsOf("recordings");
    this.clusters = this.#methodsOf("clusters");
    this.leftovers = this.#methodsOf("leftovers");
    this.previews = this.#methodsOf("previews");
    this.stacks = this.#methodsOf("stacks");
    this.types = this.#methodsOf("types");
    this.clawTypes = this.#methodsOf("clawTypes");
    this.service = this.#methodsOf("service");
  }

  /** The control plane's address. */
  get url(): string {
    return this.#config.url;
  }

  /** The same client with some options changed. */
  withOptions(options: ClawOptions): Claw {
    return new Claw({ ...this.#config, ...options });
  }

  #methodsOf<A extends keyof Api>(area: A): Api[A] {
    const methods: Record<string, unknown> = {};
    for (const [id, route] of clientRoutes) {
      const [routeArea, verb] = id.split(".") as [string, string];
      if (routeArea === area) {
        methods[verb] = (...args: unknown[]) => this.#call(id, route, args);
      }
    }
    // `Api` is computed from the same route ids.
    return methods as Api[A];
  }

  #call(id: RouteId, route: ClientRoute, args: readonly unknown[]): unknown {
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
    const once: RequestOptions = {
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(maxRetries === undefined ? {} : { maxRetries }),
      ...(ifMatch === undefined ? {} : { ifMatch }),
    };
    const query = { ...writeQuery, ...(route.input === "query" ? (input ?? {}) : {}) };
    const body = route.input === "body" ? (input ?? {}) : undefined;
    const request = (more: Record<string, unknown>, options = once) =>
      send(this.#config, { method: route.method, path, query: { ...query, ...more }, body }, options);
    const first = () => request({}, idempotencyKey === undefined ? once : { ...once, idempotencyKey });
    const readPage = async (cursor: string | undefined) => {
      const page = await request(cursor === undefined ? {} : { cursor });
      if (!isPage(page) || (cursor !== undefined && page.nextCursor === cursor)) {
        throw notAControlPlane(this.#config);
      }
      return route.output === "instances" ? { ...page, items: page.items.map((item) => this.#toInstance(item)) } : page;
    };
    switch (writeQuery["preview"] === true ? "preview" : route.output) {
      case "page":
      case "instances":
        return new PagePromise(readPage);
      case "instance":
        return first().then((answer) => this.#toInstance(answer));
      case "preview":
        return first().then((answer) => this.#toPlan(answer, route.method === "GET" ? undefined : () => request({})));
      default:
        return first();
    }
  }

  #toInstance(answer: unknown): Instance {
    if (!isInstance(answer)) {
      throw notAControlPlane(this.#config);
    }
    return new Instance(answer, this.instances);
  }

  #toPlan(answer: unknown, renew: (() => Promise<unknown>) | undefined): Plan {
    if (!isPreview(answer)) {
      throw notAControlPlane(this.#config);
    }
    return new Plan(answer, this.previews, renew && (async () => this.#toPlan(await renew(), renew)));
  }
}

/** Browsers have no environment. */
function environment(): Readonly<Record<string, string | undefined>> {
  return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
}
