import { createHash } from "node:crypto";
import {
  type ClawRuntime,
  type ClawTypeSpec,
  type Issue,
  isKeyWithin,
  matchesVariableType,
  unknownKeyFix,
} from "../../../sdk/contract/index.ts";
import type {
  ClawAdapter,
  ClawIssue,
  ParsedConfig,
  RuntimeInfo,
  UnifiedConfig,
} from "../../../service/application/ports/instances/claw-adapter.ts";
import { leafKeys, removeAt, valueAt } from "../../../service/domain/configs/config-path.ts";
import { stableJson } from "../json.ts";
import { SecretReferences, secretEnvName } from "../secret-references.ts";
import type { DescribedType } from "./claw-manifest.ts";
import { filledTemplate, isReadable, textOf, treeIn, wholeText } from "./file-formats.ts";

type Variable = ClawTypeSpec["variables"][number];

/** The adapter of a claw type that a manifest describes. */
export function manifestAdapter(described: DescribedType, origin: ClawAdapter["origin"] = "built-in"): ClawAdapter {
  const { name, spec } = described;
  const variables = new Map(spec.variables.map((variable) => [variable.name, variable]));
  const generateConfig = (config: ParsedConfig) => configFiles(spec, config);
  return {
    type: name,
    name: `${name}Adapter`,
    defaultVersion: spec.version,
    description: spec.description,
    origin,
    image: spec.image,
    defaults: Object.fromEntries(spec.variables.map((variable) => [variable.name, variable.default ?? null])),
    secretKeys: spec.variables.filter((variable) => variable.secret).map((variable) => variable.name),
    platformKeys: spec.variables.filter((variable) => variable.platform).map((variable) => variable.name),
    managedEnv: [
      ...Object.keys(spec.env),
      ...spec.variables.flatMap(({ env }) => env ?? []),
      ...(spec.chat?.tokenEnv ? [spec.chat.tokenEnv] : []),
    ],
    exitCodes: spec.exitCodes,
    capabilities: capabilitiesOf(spec),
    parseConfig: (unified, secrets) => parseConfig(variables, unified, secrets),
    generateConfig,
    configKeys: configKeysOf(spec, [...variables.keys()]),
    validate: async (config, version) => [...versionIssues(described, version), ...(config.issues ?? []), ...formatIssues(spec, config)],
    injectRuntime: (config, info) => runtimeOf(spec, config, generateConfig(config), info),
  };
}

function capabilitiesOf(spec: ClawTypeSpec): ClawAdapter["capabilities"] {
  const { software, probes, chat, stop } = spec;
  const inFile = spec.variables.filter((variable) => !variable.secret && variable.env === undefined).map(({ name }) => name);
  const keys = configKeysOf(spec, []);
  const paths = spec.files.map(({ path }) => path).join(", ");
  return {
    ...(spec.reload === "watch" &&
      inFile.length > 0 && { "hot-reload": { how: `it reads ${paths} again when that changes`, keys: inFile } }),
    health: {
      how: `GET ${probes.startup.path} once it has started, ${probes.readiness.path} while it is ready, ${probes.liveness.path} while it lives`,
    },
    ...(chat && {
      chat: { how: `POST ${chat.path}, as OpenAI has it` },
      usage: { how: "tokens of each turn, where its chat answers tell them" },
    }),
    ...(stop.graceSeconds > 0 && { drain: { how: `${stop.signal}, and ${stop.graceSeconds} s to end what it is at` } }),
    ...(keys && { "config-keys": { how: `${keys.path} is read key by key` } }),
    console: { how: spec.console ? spec.console.join(" ") : "a shell in its folder" },
    ...(software.source === "npm" && { upgrade: { how: `any version of the npm package '${software.package}'` } }),
    ...(software.source === "image" && { upgrade: { how: `any version that there is an image of: ${spec.image}` } }),
  };
}

/** Of the first file that is all of the configuration, in a format whose values are what was given. Of one from a template nobody knows which key came from which variable. */
function configKeysOf({ files }: ClawTypeSpec, names: readonly string[]): ClawAdapter["configKeys"] {
  const file = files.find(({ format, template }) => template === undefined && isReadable(format));
  return (
    file && {
      path: file.path,
      written: [],
      read: (content) => treeIn(file.format, content),
      declaredBy: (key) => (names.some((name) => isKeyWithin(key, name)) ? key : undefined),
    }
  );
}

/** What comes with its manifest, or is named there by its digest, has that one version: whatever else is asked for would be told of, and not run. */
function versionIssues({ name, spec }: DescribedType, version: string): Issue[] {
  const { source } = spec.software;
  const isThere = (source !== "inline" && source !== "archive") || version === spec.version;
  const message = `claw type '${name}' has no version '${version}': its program ${source === "inline" ? "comes with it" : "is the one archive that it names"}`;
  return isThere ? [] : [{ path: "spec.version", message, fix: `use ${spec.version}, or leave it out` }];
}

/** What a format has no way to write. */
function formatIssues(spec: ClawTypeSpec, config: ParsedConfig): ClawIssue[] {
  try {
    configFiles(spec, config);
    return [];
  } catch (error) {
    const message = `can't be written to the type's files: ${error instanceof Error ? error.message : String(error)}`;
    return [{ path: "config", message, fix: "leave out what their formats don't know, such as null in a list" }];
  }
}

function parseConfig(variables: ReadonlyMap<string, Variable>, unified: UnifiedConfig, secrets: ReadonlySet<string>): ParsedConfig {
  const { native: base, ...own } = unified;
  const issues: ClawIssue[] = [...variableIssues(variables, own)];
  if (base !== undefined) {
    issues.push({ path: "native", message: "this claw type has no native settings", fix: "use its variables", isHopeless: true });
  }
  const isSecret = (key: string) => secrets.has(key) || variables.get(key)?.secret === true;
  const plain = structuredClone(own) as Record<string, unknown>;
  const secretEnv: Record<string, string> = {};
  for (const [key, variable] of variables) {
    const value = valueAt(plain, key);
    if (value !== undefined && isSecret(key)) {
      secretEnv[variable.env ?? secretEnvName(key)] = textOf(value);
      removeAt(plain, key);
    }
  }
  // What is left is secret in part: the file says which variable holds it.
  const references = new SecretReferences(secrets, (name) => `\${${name}}`);
  const native = references.extract(plain);
  const env: Record<string, string> = {};
  for (const [key, variable] of variables) {
    const value = valueAt(native, key);
    if (value !== undefined && variable.env !== undefined) {
      env[variable.env] = textOf(value);
      removeAt(native, key);
    }
  }
  const envSources = Object.fromEntries([...variables].map(([key, variable]) => [variable.env ?? secretEnvName(key), key]));
  return { native, env, secretEnv: { ...references.env, ...secretEnv }, issues: [...issues, ...references.issues], envSources };
}

function* variableIssues(variables: ReadonlyMap<string, Variable>, unified: UnifiedConfig): Iterable<ClawIssue> {
  const names = [...variables.keys()];
  for (const key of leafKeys(unified)) {
    if (!names.some((name) => isKeyWithin(key, name))) {
      yield { path: key, message: `unknown key '${key}'`, fix: unknownKeyFix(key, names), isHopeless: true };
    }
  }
  for (const [name, { type, required, description }] of variables) {
    const value = valueAt(unified, name);
    if (value === undefined) {
      if (required) {
        yield { path: name, message: `is required${description && ` (${description})`}`, fix: "set it in spec.config.overrides" };
      }
    } else if (!matchesVariableType(type, value)) {
      yield { path: name, message: `must be of type ${type}`, fix: `give a value of type ${type}` };
    }
  }
}

function configFiles({ files }: ClawTypeSpec, { native }: ParsedConfig): ClawRuntime["files"] {
  return files.map(({ path, format, template }) => ({
    path,
    content: template === undefined ? wholeText(format, native) : filledTemplate(format, template, (key) => valueAt(native, key)),
  }));
}

function runtimeOf(
  spec: ClawTypeSpec,
  config: ParsedConfig,
  files: ClawRuntime["files"],
  { spec: instance, instanceToken }: RuntimeInfo,
): ClawRuntime {
  const version = instance.version ?? spec.version;
  const env = { ...spec.env, ...config.env };
  const hostPaths = spec.variables
    .filter((variable) => variable.platform)
    .map((variable) => env[variable.env ?? ""]?.replace(/^unix:\/\//, "") ?? "")
    .filter((path) => path.startsWith("/"));
  const tokenEnv = spec.chat?.tokenEnv;
  const secretEnv = { ...config.secretEnv, ...(tokenEnv !== undefined && { [tokenEnv]: instanceToken }) };
  const { software } = spec;
  const program = software.source === "inline" ? software.files.map(({ path, content = "" }) => ({ path, content })) : [];
  const cold = [version, spec.command, env, secretEnv, program, ...(spec.reload === "watch" ? [] : files)];
  return {
    software: softwareOf(spec, version),
    ...(spec.image !== undefined && { image: spec.image.replaceAll("${version}", version) }),
    command: spec.command,
    env,
    secretEnv,
    files: [...program, ...files],
    ...(hostPaths.length > 0 && { hostPaths }),
    restartDigest: createHash("sha256").update(stableJson(cold)).digest("hex"),
    port: { ...(instance.network.port !== undefined && { fixed: instance.network.port }), span: spec.portSpan },
    probes: spec.probes,
    startup: spec.startup,
    stop: spec.stop,
    ...(spec.restartSignal && { restartSignal: spec.restartSignal }),
    exitCodes: spec.exitCodes,
    ...(spec.chat && { chat: spec.chat }),
    ...(spec.console && { console: spec.console }),
  };
}

function softwareOf({ software }: ClawTypeSpec, version: string): ClawRuntime["software"] {
  switch (software.source) {
    case "npm":
      return { source: "npm", package: software.package, version };
    case "archive":
      return { source: "archive", url: software.url, sha256: software.sha256, version };
    default:
      return { source: software.source, version };
  }
}
