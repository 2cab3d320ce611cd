import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import {
  API_VERSION,
  ClawRuntimeSchema,
  ConfigVariableSchema,
  HttpProbeSchema,
  type Issue,
  issuesOf,
  PackageNameSchema,
  pathBelow,
  RelativePathSchema,
  TypeNameSchema,
  unknownKeyFix,
  VersionSchema,
} from "../../../sdk/contract/index.ts";

/** What a folder that describes a claw type has. */
export const MANIFEST_FILE = "claw-type.yaml";

const ProgramFileSchema = z
  .strictObject({
    path: RelativePathSchema,
    content: z.string().optional(),
    /** A file beside the manifest whose text it is. */
    from: RelativePathSchema.optional(),
  })
  .refine((file) => (file.content === undefined) !== (file.from === undefined), "give either 'content' or 'from'");

const EnvNameSchema = z.string().regex(/^[A-Z_][A-Z0-9_]*$/, "an environment variable such as 'API_KEY'");

const ClawVariableSchema = ConfigVariableSchema.and(
  z.object({
    /** It is handed over in this environment variable rather than in the config file. Secrets always are. */
    env: EnvNameSchema.optional(),
    /** It names a path, a socket or a command of the host: platform administrators alone set it. */
    platform: z.boolean().default(false),
  }),
);

const runtime = ClawRuntimeSchema.shape;

/**
 * A claw type as data (A4): how to install, configure, start, watch and stop a program, so that an organisation brings its own type
 * without writing an adapter.
 */
export const ClawManifestSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("ClawType"),
  metadata: z.strictObject({
    name: TypeNameSchema,
    description: z.string().default(""),
  }),
  spec: z.strictObject({
    /** The version that instances run when they name none. */
    version: VersionSchema,
    software: z.discriminatedUnion("source", [
      z.strictObject({ source: z.literal("npm"), package: PackageNameSchema }),
      z.strictObject({ source: z.literal("inline"), files: z.array(ProgramFileSchema).min(1) }),
    ]),
    command: runtime.command,
    env: z.record(EnvNameSchema, z.string()).default({}),
    config: z
      .strictObject({
        path: RelativePathSchema,
        format: z.enum(["json", "yaml", "env"]),
        /** Text in which `{{key}}` stands for a variable's value; the variables as they are when absent. */
        template: z.string().optional(),
      })
      .optional(),
    variables: z.array(ClawVariableSchema).default([]),
    /** How a changed config takes effect: the program watches its file, gets the restart signal, or is stopped and started. */
    reload: z.enum(["watch", "signal", "restart"]).default("restart"),
    restartSignal: runtime.restartSignal,
    portSpan: z.int().min(1).default(1),
    probes: z.strictObject({ startup: HttpProbeSchema, readiness: HttpProbeSchema, liveness: HttpProbeSchema }),
    startup: z.strictObject({ timeoutSeconds: z.number().positive().default(60), heavy: z.boolean().default(false) }).prefault({}),
    stop: z
      .strictObject({
        signal: z.enum(["SIGTERM", "SIGINT"]).default("SIGTERM"),
        graceSeconds: z.number().nonnegative().default(30),
      })
      .prefault({}),
    exitCodes: runtime.exitCodes.default({}),
    chat: runtime.chat,
    console: runtime.console,
  }),
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

/** Reads a manifest (YAML or JSON) and the files that it refers to. @throws {ClawManifestError} */
export function readClawManifest(path: string): ClawManifest {
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
export function parseClawManifest(text: string, source: string, readBeside: (name: string) => string): ClawManifest {
  const given = parseYaml(text, source);
  const result = ClawManifestSchema.safeParse(given);
  if (!result.success) {
    throw new ClawManifestError(source, issuesOf(ClawManifestSchema, result.error, given));
  }
  const manifest = result.data;
  const issues = consistencyIssues(manifest);
  const { software } = manifest.spec;
  if (software.source === "inline") {
    for (const [index, file] of software.files.entries()) {
      try {
        file.content ??= readBeside(file.from ?? "");
      } catch {
        issues.push({
          path: `spec.software.files[${index}].from`,
          message: `'${file.from}' can't be read`,
          fix: "name a file beside the manifest",
        });
      }
    }
  }
  if (issues.length > 0) {
    throw new ClawManifestError(source, issues);
  }
  return manifest;
}

function parseYaml(text: string, source: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) {
      throw new ClawManifestError(source, [{ path: "", message: error.message.split("\n")[0] ?? "", fix: "mend the YAML" }]);
    }
    throw error;
  }
}

/** Placeholders of a config template: `{{ model.name }}`. */
export const TEMPLATE_PLACEHOLDER = /\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}/g;

function consistencyIssues({ spec }: ClawManifest): Issue[] {
  const issues: Issue[] = [];
  if (spec.reload === "signal" && spec.restartSignal === undefined) {
    issues.push({ path: "spec.restartSignal", message: "is required by reload 'signal'", fix: "set it to SIGHUP or SIGUSR2" });
  }
  const inFile = spec.variables.filter((variable) => !variable.secret && variable.env === undefined);
  if (!spec.config && inFile.length > 0) {
    issues.push({
      path: "spec.config",
      message: `variable '${inFile[0]?.name}' has nowhere to go`,
      fix: "describe the config file, or give the variable an 'env'",
    });
  }
  for (const [, key = ""] of spec.config?.template?.matchAll(TEMPLATE_PLACEHOLDER) ?? []) {
    const variable = spec.variables.find((candidate) => candidate.name === key);
    if (!variable) {
      const fix = unknownKeyFix(
        key,
        spec.variables.map((candidate) => candidate.name),
      );
      issues.push({ path: "spec.config.template", message: `{{${key}}} is not a variable`, fix });
    } else if (variable.secret) {
      const message = `{{${key}}} is secret and can't be written to a file`;
      issues.push({ path: "spec.config.template", message, fix: "give the variable an 'env' and read that" });
    }
  }
  return issues;
}
