import { access, constants, readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { compare, satisfies, valid } from "semver";
import { parse } from "yaml";

export interface PluginSearch {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Plugins that a `Pulumi.yaml` names, relative to its folder. */
  readonly project?: {
    readonly root: string;
    readonly providerPaths: readonly { name: string; path: string; version?: string }[];
  };
}
/** How to start a plugin. */
export interface PluginLaunch {
  readonly command: string;
  readonly args: readonly string[];
  /** Empty when the place does not tell it. */
  readonly version: string;
}

/** Looks where Pulumi does: the project's own plugins, PATH, the plugin folder. @throws when it is nowhere, naming the places. */
export async function locatePlugin(search: PluginSearch, name: string, version?: string): Promise<PluginLaunch> {
  const binary = `pulumi-resource-${name}`;
  const looked: string[] = [];
  for (const plugin of search.project?.providerPaths ?? []) {
    if (plugin.name !== name) {
      continue;
    }
    const path = isAbsolute(plugin.path) ? plugin.path : resolve(search.project?.root ?? "", plugin.path);
    looked.push(path);
    const launch = await launchIn(path, binary, plugin.version ?? "");
    if (launch) {
      return launch;
    }
  }
  if (search.env["PULUMI_IGNORE_AMBIENT_PLUGINS"] !== "true") {
    looked.push("PATH");
    for (const folder of (search.env["PATH"] ?? "").split(delimiter)) {
      if (folder !== "" && (await isExecutable(join(folder, binary)))) {
        return { command: join(folder, binary), args: [], version: "" };
      }
    }
  }
  const home = search.env["PULUMI_HOME"] || join(homedir(), ".pulumi");
  const plugins = join(home, "plugins");
  looked.push(plugins);
  for (const installed of await installedVersions(plugins, name, version)) {
    const launch = await launchIn(join(plugins, `resource-${name}-v${installed}`), binary, installed);
    if (launch) {
      return launch;
    }
  }
  const wanted = version ? `${binary} of version ${version} or newer` : binary;
  const fix = `pulumi plugin install resource ${[name, version].filter(Boolean).join(" ")}`;
  throw new Error(`no provider for package '${name}': ${wanted} was looked for in ${looked.join(", ")}; put it on PATH, or run: ${fix}`);
}

async function installedVersions(folder: string, name: string, wanted: string | undefined): Promise<string[]> {
  const prefix = `resource-${name}-v`;
  const entries = await readdir(folder).catch(() => []);
  return entries
    .filter((entry) => entry.startsWith(prefix) && valid(entry.slice(prefix.length)) !== null)
    .map((entry) => entry.slice(prefix.length))
    .filter((found) => !wanted || !valid(wanted) || satisfies(found, `^${wanted}`, { includePrerelease: true }))
    .sort((a, b) => compare(b, a));
}

async function launchIn(path: string, binary: string, version: string): Promise<PluginLaunch | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) {
    return { command: path, args: [], version };
  }
  if (await isExecutable(join(path, binary))) {
    return { command: join(path, binary), args: [], version };
  }
  const manifest = await readFile(join(path, "PulumiPlugin.yaml"), "utf8").catch(() => undefined);
  if (manifest === undefined) {
    return undefined;
  }
  const { runtime } = parse(manifest) as { runtime?: string | { name?: string } };
  const runtimeName = typeof runtime === "string" ? runtime : runtime?.name;
  if (runtimeName !== "nodejs") {
    throw new Error(`the plugin in ${path} needs the '${runtimeName}' language runtime`);
  }
  return { command: process.execPath, args: [path], version };
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
