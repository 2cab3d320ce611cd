import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { Manifest } from "../contract/index.ts";
import { CliError, ExitCode, usageError } from "./failure.ts";
import type { Io } from "./io.ts";
import { resourceKinds, writeRank } from "./resources.ts";

const API_VERSION: Manifest["apiVersion"] = "clusterclaw.io/v1";

/** A manifest and where it was read. */
export interface SourcedManifest {
  readonly manifest: Manifest;
  /** `fleet.yaml`, with the document's number when there are several. */
  readonly source: string;
}

/** Reads manifests from files, folders and stdin, sorted so that what others need comes first. */
export async function readManifests(io: Io, paths: readonly string[]): Promise<SourcedManifest[]> {
  const read: SourcedManifest[] = [];
  for (const path of paths) {
    if (path === "-") {
      read.push(...(await parseManifests(await readAll(io.stdin), "stdin")));
      continue;
    }
    for (const file of await filesAt(io, path)) {
      read.push(...(await parseManifests(await readFile(resolve(io.cwd, file), "utf8"), file)));
    }
  }
  if (read.length === 0) {
    throw usageError(`there is no manifest in ${paths.join(", ")}`, "manifests are *.yaml, *.yml or *.json files");
  }
  refuseDuplicates(read);
  return read.toSorted((a, b) => writeRank(a.manifest.kind) - writeRank(b.manifest.kind));
}

async function filesAt(io: Io, path: string): Promise<string[]> {
  const info = await stat(resolve(io.cwd, path)).catch((cause: unknown) => {
    throw new CliError(`${path} can't be read`, {
      why: cause instanceof Error ? cause.message : undefined,
      exitCode: ExitCode.Usage,
      cause,
    });
  });
  if (!info.isDirectory()) {
    return [path];
  }
  const entries = await readdir(resolve(io.cwd, path), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(path, entry.parentPath.slice(resolve(io.cwd, path).length), entry.name))
    .sort();
}

/** Parses a YAML stream or JSON; lists, as `-o json` prints them, are taken apart. The service judges the rest. */
export async function parseManifests(text: string, source: string): Promise<SourcedManifest[]> {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(text);
  const found: SourcedManifest[] = [];
  for (const [index, document] of [...documents].entries()) {
    const where = documents.length > 1 ? `${source}, document ${index + 1}` : source;
    const [error] = document.errors;
    if (error) {
      throw new CliError(`${where} is not YAML`, { why: error.message, exitCode: ExitCode.Usage });
    }
    const value: unknown = document.toJS();
    if (value === null || value === undefined) {
      continue;
    }
    for (const item of isList(value) ? value.items : [value]) {
      found.push({ manifest: asManifest(item, where), source: where });
    }
  }
  return found;
}

function isList(value: unknown): value is { items: unknown[] } {
  return isObject(value) && value["kind"] === undefined && Array.isArray(value["items"]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asManifest(value: unknown, where: string): Manifest {
  if (!isObject(value)) {
    throw usageError(`${where} is not a manifest, but ${Array.isArray(value) ? "a list" : `'${String(value)}'`}`);
  }
  const { apiVersion, kind, metadata } = value;
  if (apiVersion !== API_VERSION) {
    throw usageError(`${where} has the apiVersion '${String(apiVersion ?? "")}'`, `write 'apiVersion: ${API_VERSION}'`);
  }
  const kinds = resourceKinds.map((known) => known.kind);
  if (!kinds.some((known) => known === kind)) {
    throw usageError(`${where} has the kind '${String(kind ?? "")}'`, `the kinds are ${kinds.join(", ")}`);
  }
  if (!isObject(metadata) || typeof metadata["name"] !== "string") {
    throw usageError(`${where} has no name`, "write 'metadata: { name: … }'");
  }
  return value as Manifest;
}

function refuseDuplicates(manifests: readonly SourcedManifest[]): void {
  const seen = new Map<string, string>();
  for (const { manifest, source } of manifests) {
    const key = `${manifest.kind} '${manifest.metadata.name}'${manifest.metadata.namespace ? ` of ${manifest.metadata.namespace}` : ""}`;
    const first = seen.get(key);
    if (first !== undefined) {
      throw usageError(`${key} is in ${first} and again in ${source}`, "keep one of them");
    }
    seen.set(key, source);
  }
}

/** Names the manifest in the path of an issue: `manifests[0].spec.type` → `web.yaml: ClawInstance/web: spec.type`. */
export function locateIssue(path: string, manifests: readonly SourcedManifest[]): string {
  const found = manifestOf(path, manifests);
  if (!found) {
    return path;
  }
  const rest = path.replace(/^manifests\[\d+\]\.?/, "");
  const { kind, metadata } = found.manifest;
  return `${found.source}: ${kind}/${metadata.name}${rest === "" ? "" : `: ${rest}`}`;
}

/** The manifest that an issue is about. */
export function manifestOf(path: string, manifests: readonly SourcedManifest[]): SourcedManifest | undefined {
  const index = /^manifests\[(\d+)\]/.exec(path)?.[1];
  return index === undefined ? undefined : manifests[Number(index)];
}
