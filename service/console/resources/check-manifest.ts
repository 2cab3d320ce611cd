import "./without-eval.ts";
import { issuesOf } from "../../../sdk/contract/issues.ts";
import { ManifestSchema } from "../../../sdk/contract/kinds.ts";
import type { Misfit } from "./manifest.ts";

/** By the schema that the service parses manifests with: what is said here is what a preview would say. It is large, and loaded when somebody writes. */
export function checkManifest(manifest: unknown): readonly Misfit[] {
  const { success, error } = ManifestSchema.safeParse(manifest);
  return success
    ? []
    : issuesOf(ManifestSchema, error, manifest).map(({ path, message, fix }) => ({
        path,
        message: `${path}: ${message}${fix === undefined ? "" : `: ${fix}`}`,
      }));
}
