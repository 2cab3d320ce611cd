import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClawAdapter, ClawTypes } from "../../service/application/ports/instances/claw-adapter.ts";
import { MANIFEST_FILE, readClawManifest } from "./manifest/claw-manifest.ts";
import { manifestAdapter } from "./manifest/manifest-adapter.ts";
import { openClawAdapter } from "./openclaw/open-claw-adapter.ts";

const MANIFESTS = ["echo", "nanoclaw"].map((type) => fileURLToPath(new URL(`./manifest/${type}/${MANIFEST_FILE}`, import.meta.url)));

/**
 * The claw types that come with the product, and those that the organisation brings.
 * @param options.folders of `claw-type.yaml` files; a type that is there already is replaced
 * @throws {ClawManifestError}
 */
export function createClawTypes(options: { readonly folders?: readonly string[] } = {}): ClawTypes {
  const brought = (options.folders ?? []).map((folder) => manifestAdapter(readClawManifest(join(folder, MANIFEST_FILE))));
  const ours = [openClawAdapter(), ...MANIFESTS.map((path) => manifestAdapter(readClawManifest(path)))];
  const isBrought = ({ type }: ClawAdapter) => brought.some((other) => other.type.toLowerCase() === type.toLowerCase());
  return clawTypes([...brought, ...ours.filter((type) => !isBrought(type))]);
}

export function clawTypes(adapters: readonly ClawAdapter[]): ClawTypes {
  return {
    list: () => adapters,
    find: (typeOrAdapter) => {
      const wanted = typeOrAdapter.toLowerCase();
      return adapters.find(({ type, name }) => [type, name].some((known) => known.toLowerCase() === wanted));
    },
  };
}
