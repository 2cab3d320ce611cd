import type { PropertyMap, PropertyValue } from "../../engine/contract/values.ts";
import type { ApiClient } from "../../kubernetes/client/api-client.ts";
import { ApiError } from "../../kubernetes/client/api-errors.ts";
import { hasAnnotation, type KubeObject, listAt, mapAt, nameOf, namespaceOf, textAt } from "../../kubernetes/client/objects.ts";
import type { Resource } from "./cluster.ts";

export interface ApplyOptions {
  readonly fieldManager: string;
  /** Whether fields that other managers own are taken over. */
  readonly force: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Server-side apply: what the server has, or would have, afterwards. @throws {ConflictError} {ApiError} */
export async function apply(client: ApiClient, resource: Resource, object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
  try {
    return await client.request({
      method: "PATCH",
      path: resource.path(namespaceOf(object), nameOf(object)),
      query: { fieldManager: options.fieldManager, force: String(options.force), ...(options.dryRun && { dryRun: "All" }) },
      body: object,
      contentType: "application/apply-patch+yaml",
      signal: options.signal,
    });
  } catch (error) {
    throw error instanceof ApiError && error.isConflict && error.causes.length > 0 ? conflictOf(error, options.fieldManager) : error;
  }
}

/** Undefined when there is no such object. */
export async function get(
  client: ApiClient,
  resource: Resource,
  namespace: string,
  name: string,
  signal?: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await client.request({ path: resource.path(namespace, name), signal });
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) {
      return undefined;
    }
    throw error;
  }
}

/** Gives up the fields that a manager owns; those that nobody else owns go. */
export async function relinquish(
  client: ApiClient,
  resource: Resource,
  object: KubeObject,
  fieldManager: string,
  signal?: AbortSignal,
): Promise<void> {
  const namespace = namespaceOf(object);
  const metadata: PropertyMap = { name: nameOf(object), ...(namespace && { namespace }) };
  const empty = { apiVersion: object["apiVersion"] ?? "", kind: object["kind"] ?? "", metadata };
  await apply(client, resource, empty, { fieldManager, force: true, signal });
}

/** The names under which Pulumi's provider makes objects, before its first apply. */
const creators = ["pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"];

export const isCreator = (manager: string): boolean => creators.includes(manager);

export function isMadeByPulumi(live: KubeObject): boolean {
  return listAt(live, "metadata", "managedFields").some(isCreators);
}

/** Makes the fields ours that Pulumi's provider owns as an object's creator; otherwise changing them were a conflict with itself. */
export async function takeOverFields(
  client: ApiClient,
  resource: Resource,
  object: KubeObject,
  fieldManager: string,
  signal?: AbortSignal,
): Promise<void> {
  const live = await get(client, resource, namespaceOf(object), nameOf(object), signal);
  if (!live || !isMadeByPulumi(live)) {
    return;
  }
  const entries = listAt(live, "metadata", "managedFields") as PropertyMap[];
  const isOurs = (entry: PropertyMap) => isCreators(entry) || (entry["manager"] === fieldManager && entry["operation"] === "Apply");
  const ours = entries.filter(isOurs);
  const fieldsV1 = ours.map((entry) => mapAt(entry, "fieldsV1")).reduce(union);
  const merged = { ...ours[0], manager: fieldManager, operation: "Apply", fieldsV1 };
  await client.request({
    method: "PATCH",
    path: resource.path(namespaceOf(object), nameOf(object)),
    // The version guards against fields that changed hands since they were read.
    body: [
      { op: "replace", path: "/metadata/managedFields", value: [...entries.filter((entry) => !isOurs(entry)), merged] },
      { op: "replace", path: "/metadata/resourceVersion", value: textAt(live, "metadata", "resourceVersion") },
    ],
    contentType: "application/json-patch+json",
    signal,
  });
}

function isCreators(entry: PropertyValue): boolean {
  return isCreator(textAt(entry, "manager")) && textAt(entry, "operation") === "Update" && textAt(entry, "subresource") === "";
}

/** Two sets of fields, as trees of their names. */
function union(one: PropertyMap, other: PropertyMap): PropertyMap {
  const both = { ...one };
  for (const [name, inner] of Object.entries(other)) {
    both[name] = union(mapAt(one, name), inner as PropertyMap);
  }
  return both;
}

export function isForced(object: KubeObject, enablePatchForce: boolean): boolean {
  return enablePatchForce || hasAnnotation(object, "pulumi.com/patchForce");
}

/** Another field manager owns what was declared. */
export class ConflictError extends Error {
  constructor(fieldManager: string, conflicts: readonly string[]) {
    super(
      `server-side apply field conflict detected: the resource managed by field manager "${fieldManager}" conflicts with others:\n` +
        `${conflicts.map((conflict) => `  - ${conflict}\n`).join("")}` +
        'Leave these fields out of the program, or take them over with the annotation pulumi.com/patchForce: "true".',
    );
    this.name = "ConflictError";
  }
}

function conflictOf({ causes }: ApiError, fieldManager: string): ConflictError {
  // The server says `conflict with "kubectl-edit" using apps/v1 at 2026-…`, and the field apart.
  const conflicts = causes.map(({ field, message }) => `${field}: ${message.replace(/^conflict with /, "is owned by ")}`);
  return new ConflictError(fieldManager, conflicts);
}
