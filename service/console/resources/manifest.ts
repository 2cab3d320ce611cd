import { parseDocument, stringify } from "yaml";
import type { AnyResource, KindView } from "./kinds.ts";
import type { Place } from "./places.ts";

/** A manifest as somebody wrote it, or what is wrong with the text. */
export type Written =
  | { readonly manifest: { readonly kind: string; readonly metadata: { readonly name: string } } }
  | { readonly fault: string; readonly at?: Place };

/** What a schema finds wrong with a manifest, and where. */
export interface Misfit {
  readonly path: string;
  readonly message: string;
}

/** A resource as it is edited: what is declared of it, and the version that was read, so that nobody writes over another's change. */
export function textOf({ apiVersion, kind, metadata, spec }: AnyResource): string {
  const { name, namespace, project, labels, annotations, resourceVersion } = metadata;
  const kept = {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(project !== undefined && { project }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    resourceVersion,
  };
  return stringify({ apiVersion, kind, metadata: kept, spec }, { lineWidth: 0 });
}

/** A new one to begin with. */
export function exampleOf({ kind, example }: KindView): string {
  return stringify(
    { apiVersion: "clusterclaw.io/v1", kind, metadata: { name: `my-${kind.toLowerCase()}` }, spec: example },
    { lineWidth: 0 },
  );
}

/** @param noName what is said of a text that names nothing */
export function read(text: string, noName: string): Written {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) {
    const [from, to] = error.pos;
    return { fault: error.message, at: { from, to } };
  }
  const manifest = document.toJS() as Written extends { manifest: infer M } ? M : never;
  const { kind, metadata } = (manifest ?? {}) as { readonly kind?: unknown; readonly metadata?: { readonly name?: unknown } };
  return typeof kind === "string" && typeof metadata?.name === "string"
    ? { manifest: manifest as { readonly kind: string; readonly metadata: { readonly name: string } } }
    : { fault: noName };
}
