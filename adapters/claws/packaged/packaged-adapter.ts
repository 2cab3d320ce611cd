import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import {
  CAPABILITIES,
  type ClawRuntime,
  ClawRuntimeSchema,
  DisplayNameSchema,
  type Issue,
  IssueSchema,
  issuesOf,
  JsonValueSchema,
  pathBelow,
  TypeNameSchema,
  VersionSchema,
} from "../../../sdk/contract/index.ts";
import { ClawAdapterError, type KnownClawType, type ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { scalars } from "../../../service/domain/configs/config-path.ts";
import { ClawManifestError, MANIFEST_FILE } from "../manifest/claw-manifest.ts";
import { AdapterProcess } from "./adapter-process.ts";

/** A shorter one may be in a file by chance. */
const SECRET_LENGTH_MIN = 6;

const texts = z.array(z.string().max(512)).max(1000);
const DescriptionSchema = z.object({
  type: TypeNameSchema,
  name: TypeNameSchema,
  defaultVersion: VersionSchema,
  description: DisplayNameSchema.default(""),
  image: z.string().max(512).optional(),
  defaults: z.record(z.string().max(512), JsonValueSchema).default({}),
  secretKeys: texts.default([]),
  plainKeys: texts.optional(),
  platformKeys: texts.default([]),
  managedEnv: texts.optional(),
  exitCodes: ClawRuntimeSchema.shape.exitCodes.optional(),
  capabilities: z.partialRecord(z.enum(CAPABILITIES), z.object({ how: z.string().max(512), keys: texts.optional() })).default({}),
});
const variables = z.record(z.string(), z.string());
const ParsedConfigSchema = z.object({
  native: z.record(z.string(), JsonValueSchema),
  secretEnv: variables,
  env: variables,
  issues: z.array(IssueSchema.extend({ isHopeless: z.boolean().optional() })).optional(),
  sources: variables.optional(),
  envSources: variables.optional(),
});
const IssuesSchema = z.array(IssueSchema.extend({ isHopeless: z.boolean().optional() }));
const PackageSchema = z.object({ main: z.string().optional(), exports: z.unknown().optional() });

/** Whether a folder of `CLAW_TYPES` is a package that exports an adapter, and not a manifest. */
export function isPackage(folder: string): boolean {
  return existsSync(join(folder, "package.json")) && !existsSync(join(folder, MANIFEST_FILE));
}

/** A claw type that a package brings in code. */
export interface PackagedType {
  readonly type: KnownClawType;
  close(): void;
}

/**
 * Opens a package that exports `adapter`: what it answers is asked of a process of its own, which reads that package and has nothing of this one's.
 * @throws {ClawManifestError} when it does not describe a claw type
 */
export async function openPackagedType(folder: string): Promise<PackagedType> {
  const source = `the package '${folder}'`;
  const issue = (message: string, fix: string) => new ClawManifestError(source, [{ path: "", message, fix }]);
  const entry = entryOf(folder);
  if (entry === undefined || !existsSync(entry)) {
    throw issue("has no entry file", "name it in 'exports' or 'main' of its package.json");
  }
  const process = new AdapterProcess(realpathSync(entry), readableOf(realpathSync(folder)));
  try {
    const given = await process.call("describe", []);
    const described = DescriptionSchema.safeParse(given);
    if (!described.success) {
      throw new ClawManifestError(source, issuesOf(DescriptionSchema, described.error, given));
    }
    return { type: adapterOf(described.data, process), close: () => process.close() };
  } catch (error) {
    process.close();
    throw error instanceof ClawManifestError ? error : issue(error instanceof Error ? error.message : String(error), "mend the package");
  }
}

type Description = z.infer<typeof DescriptionSchema>;

function adapterOf(described: Description, process: AdapterProcess): KnownClawType {
  const { type } = described;
  const failure = (message: string) => {
    const fix = "mend its package, or ask whoever runs the service";
    return new ClawAdapterError({ path: "spec.type", message: `the adapter of claw type '${type}' ${message}`, fix });
  };
  const ask = async <T>(method: string, args: readonly unknown[], schema: z.ZodType<T>): Promise<T> => {
    const answer = await process.call(method, args).catch((error: Error) => {
      throw failure(`${error.message} ('${method}')`);
    });
    const parsed = schema.safeParse(answer);
    if (!parsed.success) {
      const [first] = issuesOf(schema, parsed.error, answer);
      throw failure(`answers '${method}' with what can't be used: ${first?.path} ${first?.message}`);
    }
    return parsed.data;
  };
  const assertHidden = (shown: unknown, secrets: readonly string[], where: string) => {
    const text = JSON.stringify(shown);
    // As JSON has it: with its escapes.
    if (secrets.some((secret) => secret.length >= SECRET_LENGTH_MIN && text.includes(JSON.stringify(secret).slice(1, -1)))) {
      throw failure(`writes a secret to ${where}: it belongs into 'secretEnv' alone`);
    }
  };
  return {
    ...(described as Omit<KnownClawType, "parseConfig" | "injectRuntime" | "validate" | "origin">),
    origin: "built-in",
    async parseConfig(unified, secrets) {
      const parsed = await ask("parseConfig", [unified, secrets], ParsedConfigSchema);
      const hidden = [...scalars(unified, () => false)].flatMap(([path, value]) =>
        typeof value === "string" && secrets.has(path.join(".")) ? [value] : [],
      );
      assertHidden([parsed.native, parsed.env], hidden, "its configuration or a plain variable");
      return parsed as ParsedConfig;
    },
    validate: async (config, version) => [...(await ask("validate", [config, version], IssuesSchema as z.ZodType<Issue[]>))],
    async injectRuntime(config, info): Promise<ClawRuntime> {
      const { secretEnv, ...shown } = await ask("injectRuntime", [config, info], ClawRuntimeSchema);
      assertHidden(shown, [...Object.values(config.secretEnv), info.instanceToken], "a file, a plain variable or its command");
      return { ...shown, secretEnv };
    },
  };
}

/** Its entry, by `exports` or `main`. */
function entryOf(folder: string): string | undefined {
  const { main = "index.js", exports } = PackageSchema.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
  const root = typeof exports === "object" && exports !== null && "." in exports ? exports["."] : exports;
  const conditions = typeof root === "object" && root !== null ? (root as Record<string, unknown>) : {};
  const path = [root, conditions["import"], conditions["default"], main].find((candidate) => typeof candidate === "string");
  return typeof path === "string" ? pathBelow(folder, path.replace(/^\.\//, "")) : undefined;
}

/** What it imports besides is where npm installed it. */
function readableOf(folder: string): readonly string[] {
  const [, modules] = /^(.*\/node_modules)\/[^/]+(?:\/[^/]+)?$/.exec(folder) ?? [];
  return [modules ?? folder, dirname(fileURLToPath(import.meta.url))];
}
