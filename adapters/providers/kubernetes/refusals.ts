import type { CheckResult } from "../../engine/contract/provider.ts";
import type { PropertyMap } from "../../engine/contract/values.ts";
import { ApiError, NoMatchError, UnreachableError } from "../../kubernetes/client/api-errors.ts";
import { type KubeObject, listAt, textAt } from "../../kubernetes/client/objects.ts";
import { idOf } from "./identity.ts";

export const DELETE_UNREACHABLE_HINT =
  "configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource from Pulumi state by rerunning " +
  'the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"';
export const READ_UNREACHABLE_HINT =
  "failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this resource from Pulumi state by " +
  'rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"';

/** Under which names fields of the object are owned. */
export function managersOf(object: KubeObject): string[] {
  return listAt(object, "metadata", "managedFields").map((entry) => textAt(entry, "manager"));
}

export function refuse(inputs: PropertyMap, property: string, reason: string): CheckResult {
  return { inputs, failures: [{ property, reason }] };
}

export function alreadyExists(urn: string, object: KubeObject): Error {
  return new Error(
    `resource ${urn} was not successfully created by the Kubernetes API server: ${object["kind"]} ${idOf(object)} already exists.\n` +
      "To take it over, import it; to manage some of its fields, use a Patch resource; when a Pulumi resource was renamed, give it an " +
      "alias; to have existing objects adopted, set upsertExistingObjects on the provider.",
  );
}

export function wrapped(what: string, error: unknown): unknown {
  return error instanceof UnreachableError || !(error instanceof Error) ? error : new Error(`${what}: ${error.message}`, { cause: error });
}

export function ifNoMatch(error: unknown): undefined {
  if (!(error instanceof NoMatchError)) {
    throw error;
  }
}

export function ifGone(error: unknown): void {
  if (!(error instanceof ApiError && error.isNotFound)) {
    throw error;
  }
}
