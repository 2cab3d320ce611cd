import { existsSync } from "node:fs";
import { extname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { checkClawType, readClawType } from "../../../adapters/claws/check-claw-type.ts";
import { createClawChecker } from "../../../adapters/claws/claw-checker.ts";
import { stableJson } from "../../../adapters/claws/json.ts";
import { ClawManifestError } from "../../../adapters/claws/manifest/claw-manifest.ts";
import { isPackage, openPackagedType, type PackagedType } from "../../../adapters/claws/packaged/packaged-adapter.ts";
import { builtInClawType, ClawConfigError, renderClaw } from "../../../adapters/claws/render-claw.ts";
import { type AgentStatus, type ClawRuntime, type Issue, isKeyWithin } from "../../../sdk/contract/index.ts";
import type { ClawAdapter, KnownClawType } from "../../application/ports/instances/claw-adapter.ts";
import type { ClawSchema } from "../../application/ports/instances/claw-programs.ts";
import { HostedClaw } from "./hosted-claw.ts";

/** What a claw type is held to, in the order in which it is tried. */
export const CLAW_TYPE_RULES = [
  "parse",
  "generate",
  "validate",
  "install",
  "start",
  "ready",
  "health",
  "change",
  "restart",
  "kill",
  "stop",
] as const;
export type ClawTypeRule = (typeof CLAW_TYPE_RULES)[number];

/** What came of one rule. */
export interface ClawTypeVerdict {
  readonly rule: ClawTypeRule;
  /** `skipped`: a rule before it does not hold, or there is nothing to try it with. */
  readonly result: "passed" | "failed" | "skipped";
  /** What was seen; of a failure, what is wrong. */
  readonly detail: string;
}

/** How a claw type is tried. */
export interface ClawTypeTestOptions {
  /** Values of keys: those that it does not start without. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** A key, and the value that it gets while the claw runs. @default one that a running claw takes over, else the first that has a default */
  readonly change?: Readonly<Record<string, unknown>>;
  /** An absolute path where software is installed, to be used again. @default a folder that goes with the test */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
}

const POLL_MS = 50;
const WATCH_MS = 1500;
/** To be ready, once it has started. */
const READY_MS = 5000;
/** For its readiness probe to have failed, if it does. */
const SETTLE_MS = 800;
/** Beyond what its type gives it: a busy machine. */
const SLACK_MS = 20_000;
const UNKNOWN_KEY = "clawTest.noSuchKey";

/**
 * Holds a claw type to what the platform relies on: renders it, and runs it on this host as the platform would, with the same agent. Nothing of it is
 * left at the end but what is in `cacheDir`.
 * @param type the folder of a `claw-type.yaml` or of a package that exports `adapter`, such a file, the name of a type that comes with the product, or an adapter in code
 * @returns each rule's verdict, as soon as it is there
 * @example for await (const { rule, result, detail } of testClawType("./my-claw")) console.log(rule, result, detail);
 */
export async function* testClawType(type: string | ClawAdapter, options: ClawTypeTestOptions = {}): AsyncGenerator<ClawTypeVerdict> {
  const trials = new Trials(type, options);
  let failed: ClawTypeRule | undefined;
  try {
    for (const rule of CLAW_TYPE_RULES) {
      const verdict: ClawTypeVerdict =
        failed === undefined
          ? await verdictOf(rule, trials, options.signal)
          : { rule, result: "skipped", detail: `'${failed}' comes before it` };
      if (verdict.result === "failed") {
        failed = rule;
      }
      yield verdict;
    }
  } finally {
    await trials.close();
  }
}

async function verdictOf(rule: ClawTypeRule, trials: Trials, signal: AbortSignal | undefined): Promise<ClawTypeVerdict> {
  signal?.throwIfAborted();
  try {
    return { rule, result: "passed", detail: await trials[rule]() };
  } catch (error) {
    signal?.throwIfAborted();
    return { rule, result: error instanceof NothingToTry ? "skipped" : "failed", detail: textOf(error) };
  }
}

class NothingToTry extends Error {}

/** One method for each rule; what one finds out is there for the next. */
class Trials implements Record<ClawTypeRule, () => Promise<string>> {
  readonly #type: string | ClawAdapter;
  readonly #options: ClawTypeTestOptions;
  /** Of a manifest. */
  #path: string | undefined;
  #packaged: PackagedType | undefined;
  #known: KnownClawType | undefined;
  #rendered: ClawRuntime | undefined;
  #schema: ClawSchema | undefined;
  #hosted: HostedClaw | undefined;

  constructor(type: string | ClawAdapter, options: ClawTypeTestOptions) {
    this.#type = type;
    this.#options = options;
  }

  async parse(): Promise<string> {
    const type = this.#type;
    this.#path = typeof type === "string" && (/[/.]/.test(type) || existsSync(type)) ? type : undefined;
    if (this.#path !== undefined && isPackage(this.#path)) {
      this.#packaged = await openPackagedType(this.#path);
      this.#path = undefined;
    }
    const found = this.#packaged?.type ?? type;
    this.#known = typeof found !== "string" ? found : this.#path === undefined ? builtInClawType(found) : readClawType(this.#path);
    const { type: name, defaultVersion, description } = this.#known;
    return `${name} ${defaultVersion}${description && `: ${description}`}`;
  }

  async generate(): Promise<string> {
    assertNone(await (this.#path === undefined ? checkClawType(this.#adapter, this.#set) : checkClawType(this.#path)));
    const { files, env, secretEnv } = await this.#render(this.#set).catch(() => ({ files: [], env: {}, secretEnv: {} }));
    return `files: ${files.map(({ path }) => path).join(", ") || "none"}; variables: ${Object.keys({ ...env, ...secretEnv }).join(", ") || "none"}`;
  }

  async validate(): Promise<string> {
    this.#hosted = await HostedClaw.open(this.#options);
    this.#schema = await this.#askedSchema();
    this.#rendered = withQuickProbes(await this.#render(this.#set));
    const refused = await this.#render({ ...this.#set, [UNKNOWN_KEY]: true }).catch((error: unknown) => error);
    if (!(refused instanceof ClawConfigError)) {
      throw new Error(
        `a key that it does not have ('${UNKNOWN_KEY}') is taken without a word; refuse what is unknown, naming what was meant`,
      );
    }
    return "its own values are taken, an unknown key is refused";
  }

  async install(): Promise<string> {
    await this.#claw.install(this.#runtime);
    const { software } = this.#runtime;
    return software.source === "inline" ? "comes with its files" : `${software.source}, version ${software.version}`;
  }

  async start(): Promise<string> {
    const since = Date.now();
    await this.#claw.apply(this.#runtime, { running: true });
    await this.#until("it has started", ({ phase }) => phase === "Ready" || phase === "Unready");
    return `after ${seconds(Date.now() - since)}`;
  }

  async ready(): Promise<string> {
    await this.#until("it is ready", isReady, { withinMs: READY_MS });
    await delay(SETTLE_MS);
    const { pid, port } = await this.#until("it is ready", isReady, { withinMs: READY_MS });
    return `process ${pid}, port ${port}`;
  }

  async health(): Promise<string> {
    await this.#staysReady(WATCH_MS);
    return `ready for ${seconds(WATCH_MS)}, asked four times a second`;
  }

  async change(): Promise<string> {
    const [key, value] = this.#changed();
    const before = this.#runtime;
    const after = withQuickProbes(await this.#render({ ...this.#set, [key]: value }));
    const told = ({ files, env, secretEnv }: ClawRuntime) => stableJson({ files, env, secretEnv });
    if (told(before) === told(after)) {
      throw new Error(`another value of '${key}' reaches neither a file nor a variable`);
    }
    const isHot = before.restartDigest === after.restartDigest;
    if (this.#hotKeys.some((hot) => isKeyWithin(key, hot)) && !isHot) {
      throw new Error(`'${key}' is among what it takes over while it runs ('hot-reload'), and changes its 'restartDigest'`);
    }
    const { pid } = await this.#until("it is ready", isReady);
    const digest = await this.#claw.apply(after, { running: true });
    const status = await this.#until(`it is ready with another '${key}'`, (now) => isReady(now) && now.specDigest === digest);
    this.#rendered = after;
    await this.#staysReady(WATCH_MS / 2);
    if (isHot && status.pid !== pid) {
      throw new Error(`'${key}' is said to need no restart, and its process is another one`);
    }
    return `${key} = ${JSON.stringify(value)}, ${isHot ? "while it runs" : "after a restart"}`;
  }

  async restart(): Promise<string> {
    const restartedAt = new Date().toISOString();
    await this.#claw.apply(this.#runtime, { running: true, restartedAt });
    const since = Date.now();
    await this.#until("it is ready after a restart", (now) => isReady(now) && now.restartedAt === restartedAt);
    return `ready after ${seconds(Date.now() - since)}`;
  }

  async kill(): Promise<string> {
    const { pid, restarts } = await this.#until("it is ready", isReady);
    process.kill(pid ?? 0, "SIGKILL");
    const since = Date.now();
    await this.#until("it is ready after it was killed", (now) => isReady(now) && now.restarts > restarts, { restarts: restarts + 1 });
    return `ready after ${seconds(Date.now() - since)}`;
  }

  async stop(): Promise<string> {
    const { graceSeconds, signal } = this.#runtime.stop;
    const { pid } = await this.#until("it is ready", isReady);
    const since = Date.now();
    await this.#claw.apply(this.#runtime, { running: false });
    while (isAlive(pid)) {
      if (Date.now() - since > graceSeconds * 1000 + SLACK_MS) {
        throw new Error(`its process ${pid} is still there ${seconds(Date.now() - since)} after ${signal}, and SIGKILL`);
      }
      await delay(POLL_MS);
    }
    const took = Date.now() - since;
    if (graceSeconds > 0 && took >= graceSeconds * 1000) {
      throw new Error(
        `it did not end within the ${graceSeconds} s after ${signal}, and was killed; end on ${signal}, or give it more 'graceSeconds'`,
      );
    }
    return `ended ${seconds(took)} after ${signal}`;
  }

  async close(): Promise<void> {
    this.#packaged?.close();
    await this.#hosted?.close();
  }

  get #adapter(): KnownClawType {
    return known(this.#known);
  }

  get #runtime(): ClawRuntime {
    return known(this.#rendered);
  }

  get #claw(): HostedClaw {
    return known(this.#hosted);
  }

  get #set(): Readonly<Record<string, unknown>> {
    return this.#options.set ?? {};
  }

  get #hotKeys(): readonly string[] {
    return this.#adapter.capabilities["hot-reload"]?.keys ?? [];
  }

  #render(values: Readonly<Record<string, unknown>>): Promise<ClawRuntime> {
    const config = Object.entries(values).map(([key, value]) => ({ key, value }));
    const declared = { name: "adapter-test", config, secretKeys: [], instanceToken: "adapter-test-token" };
    return renderClaw(this.#adapter, declared, { schema: this.#schema });
  }

  /** What its program says of its configuration, where it can be asked. */
  async #askedSchema(): Promise<ClawSchema | undefined> {
    const { defaultVersion, question } = this.#adapter;
    const asked = question?.(await this.#adapter.parseConfig({}, new Set()), defaultVersion);
    if (!asked) {
      return undefined;
    }
    const entry = new URL(`../claw-checker${extname(import.meta.url)}`, import.meta.url);
    const checker = createClawChecker({ entry, cacheDir: this.#claw.cacheDir });
    return (await checker.schemaOf({ package: asked.package, version: defaultVersion })) ?? undefined;
  }

  /** Which key gets which value. */
  #changed(): readonly [key: string, value: unknown] {
    const [given] = Object.entries(this.#options.change ?? {});
    const { defaults, secretKeys, platformKeys } = this.#adapter;
    const values = Object.entries({ ...defaults, ...this.#set }).filter(([key]) => ![...secretKeys, ...platformKeys].includes(key));
    const hot = values.filter(([key]) => this.#hotKeys.includes(key));
    const found =
      given ?? [...hot, ...values].map(([key, value]) => [key, another(value)] as const).find(([, value]) => value !== undefined);
    if (!found) {
      throw new NothingToTry("it has no key with a default; name one to change");
    }
    return found;
  }

  /** @param limits.restarts how many may be counted: with more it has ended when it should not */
  async #until(
    what: string,
    isMet: (status: AgentStatus) => boolean,
    limits: { readonly restarts?: number; readonly withinMs?: number } = {},
  ): Promise<AgentStatus> {
    const { withinMs = this.#runtime.startup.timeoutSeconds * 1000 + SLACK_MS } = limits;
    const deadline = Date.now() + withinMs;
    for (let { restarts } = limits; ; await delay(POLL_MS)) {
      this.#options.signal?.throwIfAborted();
      const status = await this.#claw.status();
      restarts ??= status?.restarts;
      if (status && isMet(status)) {
        return status;
      }
      if (status?.phase === "Failed" || (status && status.restarts > (restarts ?? 0)) || Date.now() > deadline) {
        throw new Error(told(`not seen that ${what}`, status));
      }
    }
  }

  async #staysReady(forMs: number): Promise<void> {
    const { pid } = await this.#until("it is ready", isReady);
    for (const end = Date.now() + forMs; Date.now() < end; await delay(POLL_MS)) {
      const status = await this.#claw.status();
      if (!status || !isReady(status) || status.pid !== pid) {
        throw new Error(told("it does not stay ready", status));
      }
    }
  }
}

function told(what: string, status: AgentStatus | undefined): string {
  return `${what}. ${status ? `${status.reason}: ${status.message}` : "Its agent has ended"}`;
}

const isReady = ({ phase }: AgentStatus) => phase === "Ready";

/** In a test nobody waits for the periods of years. */
function withQuickProbes(runtime: ClawRuntime): ClawRuntime {
  const { startup, readiness, liveness } = runtime.probes;
  const quick = { periodSeconds: 0.25, failureThreshold: 2 };
  return { ...runtime, probes: { startup, readiness: { ...readiness, ...quick }, liveness: { ...liveness, ...quick } } };
}

/** Another value of the same type, of one that anything goes for. */
function another(value: unknown): unknown {
  switch (typeof value) {
    case "boolean":
      return !value;
    case "number":
      return value + 1;
    case "string":
      return `${value} changed`.trim();
    default:
      return undefined;
  }
}

function assertNone(issues: readonly Issue[]): void {
  if (issues.length > 0) {
    throw new Error(issues.map(({ path, message, fix }) => `${path}: ${message}${fix === undefined ? "" : `; ${fix}`}`).join(". "));
  }
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function known<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error("a rule was tried before those that it needs");
  }
  return value;
}

function textOf(error: unknown): string {
  if (error instanceof ClawManifestError || error instanceof ClawConfigError) {
    return error.issues.map(({ path, message, fix }) => `${path || "(root)"}: ${message}${fix === undefined ? "" : `; ${fix}`}`).join(". ");
  }
  return error instanceof Error ? error.message : String(error);
}
