import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { openPassphrase } from "../secrets/passphrase.ts";
import type { CommandEnvironment } from "../secrets/stack-secrets.ts";
import { objectValue, type PlainConfig, qualifyKey, revealConfigValue, type StoredConfig } from "./config-values.ts";
import { type DeclaredConfig, plainValue, readDeclaredConfig } from "./declared-config.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

/** What the engine needs of `Pulumi.yaml`. */
export interface ProjectSettings {
  readonly name: string;
  readonly root: string;
  readonly providerPaths: readonly { name: string; path: string; version?: string }[];
  readonly config: readonly DeclaredConfig[];
  /** Where the files of stacks are. */
  readonly stackFolder: string;
  readonly alwaysRefreshes: boolean;
  readonly requiredVersion?: string;
}

const extensions = [".yaml", ".yml", ".json"];

export async function loadProject(root: string): Promise<ProjectSettings> {
  const settings = await readFirst(extensions.map((extension) => join(root, `Pulumi${extension}`)));
  const name = settings?.["name"];
  if (typeof name !== "string") {
    throw new CommandFailure(ExitCode.Failed, `no Pulumi.yaml project file found in ${root}`);
  }
  const plugins = asRecord(asRecord(settings)["plugins"])["providers"];
  const providerPaths = (Array.isArray(plugins) ? plugins : []).flatMap((plugin: unknown) => {
    const { name: pluginName, path, version } = asRecord(plugin);
    if (typeof pluginName !== "string" || typeof path !== "string") {
      return [];
    }
    return [{ name: pluginName, path, ...(typeof version === "string" && { version }) }];
  });
  const requiredVersion = settings?.["requiredPulumiVersion"];
  const declared = settings?.["config"];
  // Long ago `config` named the folder.
  const folder = settings?.["stackConfigDir"] ?? declared;
  return {
    name,
    root,
    providerPaths,
    config: readDeclaredConfig(name, declared),
    stackFolder: typeof folder === "string" ? join(root, folder) : root,
    alwaysRefreshes: asRecord(settings?.["options"])["refresh"] === "always",
    ...(typeof requiredVersion === "string" && { requiredVersion }),
  };
}

/** Config of `Pulumi.<stack>.yaml` (or `file`): there when stack settings were given to the workspace. */
export async function loadStackFile(
  project: ProjectSettings,
  stack: string,
  file: string | undefined,
  env: CommandEnvironment,
): Promise<PlainConfig> {
  const candidates = file ? [file] : extensions.map((extension) => join(project.stackFolder, `Pulumi.${stack}${extension}`));
  const settings = await readFirst(candidates);
  if (!settings && file) {
    throw new CommandFailure(ExitCode.Failed, `config file ${file} does not exist`);
  }
  const config = new Map<string, { value: string; secret: boolean; object?: boolean }>();
  const salt = settings?.["encryptionsalt"];
  const passphrase = env["PULUMI_CONFIG_PASSPHRASE"];
  for (const [key, given] of Object.entries(asRecord(settings?.["config"]))) {
    const isObject = given !== null && typeof given === "object";
    const stored = isObject ? objectValue(given as Parameters<typeof objectValue>[0]) : undefined;
    if (!stored?.secure) {
      config.set(qualifyKey(project.name, key), plainValue(given));
      continue;
    }
    if (typeof salt !== "string" || passphrase === undefined) {
      throw new CommandFailure(ExitCode.Failed, `config '${key}' is secret, and its passphrase or encryptionsalt is missing`);
    }
    const { secure } = given as { secure?: unknown };
    const value = typeof secure === "string" ? { value: secure, secure: true } : stored;
    config.set(qualifyKey(project.name, key), {
      value: revealConfigValue(value, await openPassphrase(passphrase, salt)),
      secret: true,
      ...(value === stored && { object: true }),
    });
  }
  return config;
}

export function plainConfigOf(config: StoredConfig, secrets: Parameters<typeof revealConfigValue>[1]): PlainConfig {
  return new Map(
    Object.entries(config).map(([key, value]) => [
      key,
      { value: revealConfigValue(value, secrets), secret: value.secure, ...(value.object && { object: true }) },
    ]),
  );
}

async function readFirst(paths: readonly string[]): Promise<Record<string, unknown> | undefined> {
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") {
        return undefined;
      }
      throw error;
    });
    if (text !== undefined) {
      return asRecord(parse(text));
    }
  }
  return undefined;
}

function asRecord(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? { ...value } : {};
}
