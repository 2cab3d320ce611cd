import { fileURLToPath } from "node:url";
import type { ClawAdapter } from "../../service/application/ports/instances/claw-adapter.ts";
import { MANIFEST_FILE, readClawManifest } from "./manifest/claw-manifest.ts";
import { manifestAdapter } from "./manifest/manifest-adapter.ts";
import { openClawAdapter } from "./openclaw/open-claw-adapter.ts";

const MANIFESTS = ["echo", "nanoclaw"].map((type) => fileURLToPath(new URL(`./manifest/${type}/${MANIFEST_FILE}`, import.meta.url)));

/** Those that come with the product. @throws {ClawManifestError} */
export function ownTypes(): readonly ClawAdapter[] {
  return [openClawAdapter(), ...MANIFESTS.map((path) => manifestAdapter(readClawManifest(path)))];
}

/** The one of that type or adapter name, ignoring case. */
export function called<A extends Pick<ClawAdapter, "type" | "name">>(adapters: readonly A[], typeOrAdapter: string): A | undefined {
  const wanted = typeOrAdapter.toLowerCase();
  return adapters.find(({ type, name }) => [type, name].some((known) => known.toLowerCase() === wanted));
}
