import { chmod, readFile, stat } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { valid } from "semver";
import { z } from "zod";
import { PackageNameSchema, ProvisionReason, pathBelow } from "../../../sdk/contract/index.ts";
import { hasUnknowns, UNKNOWN_VALUE } from "../../engine/contract/values.ts";
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
const SoftwareSchema = z.discriminatedUnion("source", [
  PackageSchema,
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
 * Outputs of an npm package add `dir` and `bin`, name → absolute path.
 */
export const softwareType = (completion?: Completion): ResourceType<SoftwareInputs> => ({
  schema: SoftwareSchema,
  replaceOn: ["source", "cacheDir", "package", "version"],
  deleteBeforeReplace: false,
  idOf: ({ source, package: name, version }) => `${source === "npm" ? String(name) : String(source)}@${String(version)}`,
  plan(inputs) {
    if (hasUnknowns(inputs)) {
      return { ...inputs, dir: UNKNOWN_VALUE, bin: UNKNOWN_VALUE };
    }
    const parsed = SoftwareSchema.parse(inputs);
    return parsed.source === "npm" ? { ...inputs, dir: softwareDir(parsed), bin: UNKNOWN_VALUE } : inputs;
  },
  async create(inputs, { signal }) {
    if (inputs.source === "inline") {
      return inputs;
    }
    return { ...inputs, ...(await installSoftware(inputs, completion, signal)) };
  },
  async read(inputs) {
    if (inputs.source === "inline") {
      return { inputs, outputs: inputs };
    }
    const dir = softwareDir(inputs);
    const bin = await readBins(dir, inputs).catch(() => undefined);
    return bin && { inputs, outputs: { ...inputs, dir, bin } };
  },
  async update(_olds, news, { signal }) {
    return news.source === "inline" ? news : { ...news, ...(await installSoftware(news, completion, signal)) };
  },
  async delete() {},
});

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
    await installPackage({ ...software, dir, complete }, signal);
  }
  // Earlier versions of this program left it closed to others.
  await chmod(dir, 0o755);
  return { dir, bin: await readBins(dir, software) };
}

/** Where a version is installed. */
export function softwareDir({ cacheDir, package: name, version }: PackageVersion): string {
  return pathBelow(cacheDir, name, version);
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
