import { chmod, readFile, stat } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { valid } from "semver";
import { z } from "zod";
import {
  ArchiveUrlSchema,
  type ClawRuntime,
  PackageNameSchema,
  ProvisionReason,
  pathBelow,
  Sha256Schema,
} from "../../../sdk/contract/index.ts";
import { hasUnknowns, type PropertyMap, UNKNOWN_VALUE } from "../../engine/contract/values.ts";
import { installArchive } from "./archive-install.ts";
import { installOnce } from "./install-once.ts";
import { isDirectory } from "./is-directory.ts";
import { installPackage } from "./npm-install.ts";
import type { ResourceType } from "./resource-type.ts";

const PackageSchema = z.strictObject({
  source: z.literal("npm"),
  /** The folder that all stacks of a host share. */
  cacheDir: z.string().refine(isAbsolute, "must be an absolute path"),
  package: PackageNameSchema,
  version: z.string().refine((version) => valid(version) === version, "must be an exact version such as '2026.9.6', not a tag or a range"),
});
const ArchiveSchema = z.strictObject({
  source: z.literal("archive"),
  cacheDir: PackageSchema.shape.cacheDir,
  url: ArchiveUrlSchema,
  sha256: Sha256Schema,
  version: z.string(),
});
const SoftwareSchema = z.discriminatedUnion("source", [
  PackageSchema,
  ArchiveSchema,
  /** Its files are config files: there is nothing to install. */
  z.strictObject({ source: z.literal("inline"), version: z.string() }),
]);
type SoftwareInputs = z.infer<typeof SoftwareSchema>;

/** A version of an npm package, and the folder that installed versions are kept in. */
export interface PackageVersion {
  readonly cacheDir: string;
  readonly package: string;
  readonly version: string;
}

const PackageJsonSchema = z.object({
  name: z.string(),
  version: z.string(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
});

/** A package and where its tree lies, which may be a draft still. */
export type InstalledPackage = PackageVersion & { readonly dir: string };

/** What a package needs after npm, once, before anything uses it. */
export interface Completion {
  isComplete(installed: InstalledPackage): Promise<boolean>;
  complete(installed: InstalledPackage, signal: AbortSignal | undefined): Promise<void>;
}

/**
 * A claw's software, installed once per host and version. Deleting it does nothing: other instances use the same copy.
 * Outputs of what is installed add `dir`; those of an npm package `bin` as well, name → absolute path.
 */
export const softwareType = (completion?: Completion): ResourceType<SoftwareInputs> => ({
  schema: SoftwareSchema,
  replaceOn: ["source", "cacheDir", "package", "sha256", "version"],
  deleteBeforeReplace: false,
  idOf: ({ source, package: name, version }) => `${source === "npm" ? String(name) : String(source)}@${String(version)}`,
  plan(inputs) {
    if (hasUnknowns(inputs)) {
      return { ...inputs, dir: UNKNOWN_VALUE, bin: UNKNOWN_VALUE };
    }
    const parsed = SoftwareSchema.parse(inputs);
    const dir = parsed.source === "inline" ? undefined : installedDir(parsed, parsed.cacheDir);
    return dir === undefined ? inputs : { ...inputs, dir, ...(parsed.source === "npm" && { bin: UNKNOWN_VALUE }) };
  },
  create: (inputs, { signal }) => install(inputs, completion, signal),
  async read(inputs) {
    switch (inputs.source) {
      case "inline":
        return { inputs, outputs: inputs };
      case "archive": {
        const dir = archiveDir(inputs);
        return (await isDirectory(dir)) ? { inputs, outputs: { ...inputs, dir } } : undefined;
      }
      case "npm": {
        const dir = softwareDir(inputs);
        const bin = await readBins(dir, inputs).catch(() => undefined);
        return bin && { inputs, outputs: { ...inputs, dir, bin } };
      }
    }
  },
  update: (_olds, news, { signal }) => install(news, completion, signal),
  async delete() {},
});

async function install(inputs: SoftwareInputs, completion: Completion | undefined, signal: AbortSignal | undefined): Promise<PropertyMap> {
  switch (inputs.source) {
    case "inline":
      return inputs;
    case "archive": {
      const dir = archiveDir(inputs);
      await installOnce({ dir, fill: (draft) => installArchive(inputs, draft, signal), complete: async () => undefined }, signal);
      return { ...inputs, dir };
    }
    case "npm":
      return { ...inputs, ...(await installSoftware(inputs, completion, signal)) };
  }
}

/** Installs the package unless it is there. @throws with a CamelCase reason, what is wrong and what to do */
export async function installSoftware(
  software: PackageVersion,
  completion?: Completion,
  signal?: AbortSignal,
): Promise<{ dir: string; bin: Record<string, string> }> {
  const dir = softwareDir(software);
  if (!(await isDirectory(dir)) || (await completion?.isComplete({ ...software, dir })) === false) {
    const complete = async (path: string) => {
      await readBins(path, software);
      await completion?.complete({ ...software, dir: path }, signal);
    };
    await installOnce({ dir, fill: (draft) => installPackage(software, draft, signal), complete }, signal);
  }
  // Earlier versions of this program left it closed to others.
  await chmod(dir, 0o755);
  return { dir, bin: await readBins(dir, software) };
}

/** Where a version is installed. */
export function softwareDir({ cacheDir, package: name, version }: PackageVersion): string {
  return pathBelow(cacheDir, name, version);
}

/** By its digest: who names another address of the same bytes has them already. No package is called so. */
function archiveDir({ cacheDir, sha256 }: { readonly cacheDir: string; readonly sha256: string }): string {
  return pathBelow(cacheDir, ".archives", sha256);
}

/** Where a claw's software is installed; undefined for one that is not. */
export function installedDir(software: ClawRuntime["software"], cacheDir: string): string | undefined {
  switch (software.source) {
    case "npm":
      return softwareDir({ ...software, cacheDir });
    case "archive":
      return archiveDir({ ...software, cacheDir });
    default:
      return undefined;
  }
}

/** The programs of an installed package. @throws when it is another version, or a placeholder without programs. */
async function readBins(dir: string, { package: name, version }: PackageVersion): Promise<Record<string, string>> {
  const packageDir = pathBelow(dir, "node_modules", name);
  const found = PackageJsonSchema.parse(JSON.parse(await readFile(join(packageDir, "package.json"), "utf8")));
  if (found.version !== version) {
    throw new Error(
      `npm installed ${name}@${found.version} instead of ${version}: this version may need another Node.js than ${process.version}`,
    );
  }
  const declared = typeof found.bin === "string" ? { [name.replace(/^@[^/]*\//, "")]: found.bin } : (found.bin ?? {});
  const bins: Record<string, string> = {};
  for (const [program, path] of Object.entries(declared)) {
    const file = pathBelow(packageDir, normalize(path));
    bins[program] = file;
    await stat(file);
  }
  if (Object.keys(bins).length === 0) {
    throw new Error(
      `${ProvisionReason.PlaceholderPackage}: ${name}@${version} has no program to run: it is a placeholder package; choose another version`,
    );
  }
  return bins;
}
