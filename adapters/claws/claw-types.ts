import { fileURLToPath } from "node:url";
import type { ClawAdapter, ClawTypes } from "../../service/application/ports/instances/claw-adapter.ts";
import { readClawManifest } from "./manifest/claw-manifest.ts";
import { manifestAdapter } from "./manifest/manifest-adapter.ts";
import { installedSchemas } from "./openclaw/config-schemas.ts";
import { openClawAdapter } from "./openclaw/open-claw-adapter.ts";

const MANIFESTS = ["echo", "nanoclaw"].map((type) => fileURLToPath(new URL(`./manifest/${type}/claw-type.yaml`, import.meta.url)));

/** The claw types that come with the product. @param options.softwareDir where versions of claws are installed */
export function createClawTypes(options: { readonly softwareDir: string }): ClawTypes {
  return clawTypes([
    openClawAdapter({ schemaFor: installedSchemas(options.softwareDir) }),
    ...MANIFESTS.map((path) => manifestAdapter(readClawManifest(path))),
  ]);
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
