/** `open-cluster-claw/automation`: stacks by Pulumi's Automation API, without the Pulumi CLI. */
import { access, constants, mkdir, readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { EmbeddedCommand } from "../../../adapters/engine/command/embedded-command.ts";
import type { ResourceProvider } from "../../../adapters/engine/contract/provider.ts";
import type { StackStore } from "../../../adapters/engine/contract/store.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import { FolderStackStore } from "../../../adapters/folder-store/folder-stack-store.ts";
import type { Issue } from "../../../sdk/contract/index.ts";

export type { ResourceProvider } from "../../../adapters/engine/contract/provider.ts";
export { type ResolvedInstance, type StackSpec, StackSpecSchema, type StackTarget } from "../../../sdk/contract/index.ts";
export { PROJECT_NAME, stackName, tenantProgram } from "../../../stacks/tenant/program.ts";

/** Of PostgreSQL, for one process: a commit and a heartbeat at a time, and room for steps that end together. */
const CONNECTIONS = 4;

/** Settings of {@link embeddedEngine}. */
export interface EmbeddedEngineOptions {
  /**
   * Where stacks are kept: a folder, which is made when it is missing, or the URL of a PostgreSQL database, `postgres://user@host/database`,
   * where a schema `claw_engine` is made when it is missing. Several processes may use one at the same time.
   */
  readonly state: string;
  /**
   * Seals secrets, of new stacks and of those that were sealed with it. `envVars.PULUMI_CONFIG_PASSPHRASE` of a workspace goes first.
   * @default what PULUMI_CONFIG_PASSPHRASE says, or the file that PULUMI_CONFIG_PASSPHRASE_FILE names
   */
  readonly secretsPassphrase?: string;
  /**
   * Providers of one's own that run in this process, by the package of their types. `clusterclaw` and `kubernetes` are there; what is named
   * nowhere is looked for as a plugin, on PATH and where the Pulumi CLI installs them.
   */
  readonly providers?: Readonly<Record<string, () => ResourceProvider | Promise<ResourceProvider>>>;
}

/** The engine as the Automation API takes it: `{ pulumiCommand: engine }`. */
export interface EmbeddedEngine extends PulumiCommand {
  /** Ends plugins and connections. An operation must not be under way. */
  close(): Promise<void>;
}

/** A setting of {@link embeddedEngine} can't be used. `issues` say which, why, and what to give instead. */
export class EngineOptionsError extends Error {
  override readonly name = "EngineOptionsError";
  readonly issues: readonly Issue[];

  constructor(issue: Issue, options?: ErrorOptions) {
    super(`${issue.path}: ${issue.message}${issue.fix === undefined ? "" : `; ${issue.fix}`}`, options);
    this.issues = [issue];
  }
}

/**
 * Pulumi's engine in this process, for any Automation API program: no CLI is installed or started. One stack operation at a time should run in a
 * process, since Pulumi's runtime for Node.js keeps state of a program in module variables; other processes may run others.
 *
 * @throws {EngineOptionsError} when the state can't be kept there
 * @example
 * const engine = await embeddedEngine({ state: "./state", secretsPassphrase: process.env.PASSPHRASE });
 * const stack = await LocalWorkspace.createOrSelectStack({ stackName: "dev", projectName: "claws", program }, { pulumiCommand: engine });
 * await stack.up();
 * await engine.close();
 */
export async function embeddedEngine(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
  const { store, close } = await openState(options.state);
  const providers = new WarmProviderHost({ inProcess: { ...ownProviders, ...options.providers } });
  const command = new EmbeddedCommand({
    store,
    providers,
    holder: `${hostname()}/${process.pid}`,
    ...(options.secretsPassphrase !== undefined && { env: { PULUMI_CONFIG_PASSPHRASE: options.secretsPassphrase } }),
  });
  const end = async () => {
    await Promise.allSettled([providers.close(), close()]);
  };
  return Object.assign(command, { close: end });
}

/** Loaded with the first resource of one of them. */
const ownProviders = Object.fromEntries(
  ["clusterclaw", "kubernetes"].map((name) => [
    name,
    async () => {
      const { resourceProviders } = await import("../packages.ts");
      return (resourceProviders[name] as () => ResourceProvider)();
    },
  ]),
);

interface OpenState {
  readonly store: StackStore;
  close(): Promise<void>;
}

async function openState(state: string): Promise<OpenState> {
  const [, scheme] = /^([a-z][a-z0-9+.-]+):\/\//.exec(state) ?? [];
  if (scheme === "postgres" || scheme === "postgresql") {
    return openDatabase(state);
  }
  if (scheme !== undefined || state === "") {
    throw new EngineOptionsError({
      path: "state",
      message: scheme === undefined ? "is empty" : `stacks can't be kept in '${scheme}://…'`,
      fix: "give a folder, like './state', or a database, like 'postgres://user@host/name'",
    });
  }
  return openFolder(resolve(state));
}

async function openFolder(folder: string): Promise<OpenState> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code = "it can't be used" } = cause as NodeJS.ErrnoException;
    const message = code === "EEXIST" || code === "ENOTDIR" ? "is no folder" : `can't be written to (${code})`;
    throw stateIssue(`'${folder}' ${message}`, "give a folder that this user may write to", cause);
  }
  if ((await readdir(folder)).includes(".pulumi")) {
    const fix = "give another folder, and move each stack: pulumi stack export, then importStack";
    throw stateIssue(`'${folder}' has stacks of the Pulumi CLI`, fix);
  }
  return { store: new FolderStackStore(folder), close: async () => {} };
}

async function openDatabase(url: string): Promise<OpenState> {
  if (!URL.canParse(url)) {
    throw stateIssue(
      "the URL of the database can't be read",
      "give it like 'postgres://user@host:5432/name'; encode odd characters in its parts",
    );
  }
  const { openOwnStacks } = await import("../../../adapters/postgres/own-stacks.ts");
  try {
    return await openOwnStacks(url, CONNECTIONS);
  } catch (cause) {
    const { host, pathname } = new URL(url);
    const { code = "", message } = cause as Error & { code?: string };
    const fix =
      code === "42501"
        ? "have its owner run: create schema claw_engine authorization <the user of the URL>"
        : "check host, name, user and password of the URL, and that the server runs";
    throw stateIssue(`the database at ${host}${pathname} can't be used: ${message || code}`, fix, cause);
  }
}

function stateIssue(message: string, fix: string, cause?: unknown): EngineOptionsError {
  return new EngineOptionsError({ path: "state", message, fix }, { cause });
}
