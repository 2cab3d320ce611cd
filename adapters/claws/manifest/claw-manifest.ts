import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import {
  API_VERSION,
  type ClawTypeSpec,
  clawTypeSpecOf,
  type Issue,
  issuesOf,
  pathBelow,
  RelativePathSchema,
  TypeNameSchema,
  unknownKeyFix,
} from "../../../sdk/contract/index.ts";

/** What a folder that describes a claw type has. */
export const MANIFEST_FILE = "claw-type.yaml";

/** A file whose text may lie beside the manifest: what a folder has and a resource can't. */
const ProgramFileSchema = z
  .strictObject({ path: RelativePathSchema, content: z.string().optional(), from: RelativePathSchema.optional() })
  .refine((file) => (file.content === undefined) !== (file.from === undefined), "give either 'content' or 'from'");

/**
 * A claw type as a folder has it (A4): what the resource `ClawType` says, with the files beside it. Its name may be spelled as people say it.
 */
export const ClawManifestSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("ClawType"),
  metadata: z.strictObject({ name: TypeNameSchema }),
  spec: clawTypeSpecOf(ProgramFileSchema),
});
export type ClawManifest = z.infer<typeof ClawManifestSchema>;

/** Thrown for a manifest that does not describe a claw type. */
export class ClawManifestError extends Error {
  override readonly name = "ClawManifestError";
  readonly issues: readonly Issue[];

  constructor(source: string, issues: readonly Issue[]) {
    const lines = issues.map(
      ({ path, message, fix }) => `  ${path === "" ? "(root)" : path}: ${message}${fix === undefined ? "" : `; ${fix}`}`,
    );
    super(`${source} does not describe a claw type:\n${lines.join("\n")}`);
    this.issues = issues;
  }
}

/** A claw type that is whole: what its files say is in it. */
export interface DescribedType {
  readonly name: string;
  readonly spec: ClawTypeSpec;
}

/** Reads a manifest (YAML or JSON) and the files that it refers to. @throws {ClawManifestError} */
export function readClawManifest(path: string): DescribedType {
  return parseClawManifest(readManifestFile(path), path, (name) => readFileSync(pathBelow(dirname(path), name), "utf8"));
}

function readManifestFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const message = `can't be read (${(error as NodeJS.ErrnoException).code})`;
    throw new ClawManifestError(`'${path}'`, [{ path: "", message, fix: `name the folder of a ${MANIFEST_FILE}` }]);
  }
}

/**
 * @param source what errors call it
 * @param readBeside reads a file that a `from` names
 * @throws {ClawManifestError}
 */
export function parseClawManifest(text: string, source: string, readBeside: (name: string) => string): DescribedType {
  const given = parseYaml(text, source);
  const result = ClawManifestSchema.safeParse(given);
  if (!result.success) {
    throw new ClawManifestError(source, issuesOf(ClawManifestSchema, result.error, given));
  }
  const { metadata, spec } = result.data;
  const issues: Issue[] = [];
  const whole = { ...spec, software: spec.software.source === "inline" ? withContents(spec.software, readBeside, issues) : spec.software };
  issues.push(...consistencyIssues(whole));
  if (issues.length > 0) {
    throw new ClawManifestError(source, issues);
  }
  return { name: metadata.name, spec: whole };
}

type ProgramFiles = Extract<ClawManifest["spec"]["software"], { source: "inline" }>;

function withContents({ source, files }: ProgramFiles, readBeside: (name: string) => string, issues: Issue[]) {
  const contentOf = ({ content, from = "" }: ProgramFiles["files"][number], index: number): string => {
    try {
      return content ?? readBeside(from);
    } catch {
      const message = `'${from}' can't be read`;
      issues.push({ path: `spec.software.files[${index}].from`, message, fix: "name a file beside the manifest" });
      return "";
    }
  };
  return { source, files: files.map((file, index) => ({ path: file.path, content: contentOf(file, index) })) };
}

/** Of several documents the claw type: what people apply with it may be in the same file. */
function parseYaml(text: string, source: string): unknown {
  const documents = parseAllDocuments(text);
  const [error] = "empty" in documents ? [] : documents.flatMap(({ errors }) => errors);
  if (error) {
    throw new ClawManifestError(source, [{ path: "", message: error.message.split("\n")[0] ?? "", fix: "mend the YAML" }]);
  }
  const values = documents.map((document) => document.toJS() as unknown);
  return values.find((value) => (value as { kind?: unknown } | null)?.kind === "ClawType") ?? values[0];
}

/** Placeholders of a config template: `{{ model.name }}`. */
export const TEMPLATE_PLACEHOLDER = /\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}/g;

/** What no schema says: what in it can't go together. */
export function consistencyIssues(spec: ClawTypeSpec): Issue[] {
  const issues: Issue[] = [];
  for (const [index, variable] of spec.variables.entries()) {
    if (variable.secret && variable.default !== undefined && variable.default !== null) {
      const message = `'${variable.name}' is secret: a value of it does not belong into the type`;
      issues.push({
        path: `spec.variables[${index}].default`,
        message,
        fix: "leave it out, and set it in a template, a level or an instance",
      });
    }
    if (spec.variables.findIndex(({ name }) => name === variable.name) < index) {
      issues.push({ path: `spec.variables[${index}].name`, message: `'${variable.name}' is there twice`, fix: "leave one out" });
    }
  }
  if (spec.software.source === "image" && spec.image === undefined) {
    issues.push({ path: "spec.image", message: "is required by software of source 'image'", fix: "name the image" });
  }
  if (spec.reload === "signal" && spec.restartSignal === undefined) {
    issues.push({ path: "spec.restartSignal", message: "is required by reload 'signal'", fix: "set it to SIGHUP or SIGUSR2" });
  }
  return [...issues, ...fileIssues(spec)];
}

/** What can't be of the files that are rendered. */
function fileIssues({ files, variables, software }: ClawTypeSpec): Issue[] {
  const issues: Issue[] = [];
  const whole = files.filter(({ template }) => template === undefined);
  const known = new Map(variables.map((variable) => [variable.name, variable]));
  const placed = new Set<string>();
  const paths = new Set(software.source === "inline" ? software.files.map(({ path }) => path) : []);
  for (const [index, { path, format, template }] of files.entries()) {
    const at = `spec.files[${index}]`;
    if (paths.has(path)) {
      issues.push({ path: `${at}.path`, message: `there are two files '${path}'`, fix: "give each a path of its own" });
    }
    paths.add(path);
    if (template === undefined && format === "text") {
      issues.push({ path: `${at}.template`, message: "is required by format 'text'", fix: "give the text, or another format" });
    } else if (template === undefined && whole[0] !== files[index]) {
      issues.push({ path: `${at}.template`, message: "one file alone has all variables as they are", fix: "give a template" });
    }
    for (const [, key = ""] of template?.matchAll(TEMPLATE_PLACEHOLDER) ?? []) {
      const variable = known.get(key);
      placed.add(key);
      if (!variable) {
        issues.push({ path: `${at}.template`, message: `{{${key}}} is not a variable`, fix: unknownKeyFix(key, [...known.keys()]) });
      } else if (variable.secret) {
        const message = `{{${key}}} is secret and can't be written to a file`;
        issues.push({ path: `${at}.template`, message, fix: "give the variable an 'env' and read that" });
      }
    }
  }
  for (const [index, { name, secret, env }] of variables.entries()) {
    if (!secret && env === undefined && whole.length === 0 && !placed.has(name)) {
      const fix = "name it in a file's template, or give the variable an 'env'";
      issues.push({ path: `spec.variables[${index}]`, message: `variable '${name}' has nowhere to go`, fix });
    }
  }
  return issues;
}
