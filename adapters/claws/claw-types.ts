import { join } from "node:path";
import type { Issue } from "../../sdk/contract/index.ts";
import type { ClawAdapter, ClawTypes, KnownClawType } from "../../service/application/ports/instances/claw-adapter.ts";
import type { StoredClawType } from "../../service/domain/types/claw-type.ts";
import { issuesOfType } from "./check-claw-type.ts";
import { MANIFEST_FILE, readClawManifest } from "./manifest/claw-manifest.ts";
import { manifestAdapter } from "./manifest/manifest-adapter.ts";
import { called, ownTypes } from "./own-types.ts";

/**
 * The claw types that come with the product, those that the service's settings bring, and what becomes of those that are stored.
 * @param options.folders of `claw-type.yaml` files; a type that is there already is replaced
 * @param options.packaged types that packages bring in code, the same
 * @throws {ClawManifestError}
 */
export function createClawTypes(
  options: { readonly folders?: readonly string[]; readonly packaged?: readonly KnownClawType[] } = {},
): ClawTypes {
  const { folders = [], packaged = [] } = options;
  const brought = [...folders.map((folder) => manifestAdapter(readClawManifest(join(folder, MANIFEST_FILE)))), ...packaged];
  const isBrought = ({ type }: ClawAdapter) => brought.some((other) => other.type.toLowerCase() === type.toLowerCase());
  const builtIn = [...brought, ...ownTypes().filter((type) => !isBrought(type))];
  return {
    builtIn,
    async find(typeOrAdapter, { clawTypes }) {
      const own = called(builtIn, typeOrAdapter);
      const name = typeOrAdapter.toLowerCase();
      const stored = own ? undefined : ((await clawTypes.find(name)) ?? (await clawTypes.find(name.replace(/adapter$/, ""))));
      return own ?? (stored && adapterOf(stored));
    },
    list: async ({ clawTypes }) => [...builtIn, ...(await clawTypes.all()).map(adapterOf)],
    async issuesOf(name, spec): Promise<readonly Issue[]> {
      return issuesOfType({ name, spec });
    },
  };
}

function adapterOf({ name, spec, shared }: StoredClawType): ClawAdapter {
  return manifestAdapter({ name, spec }, shared ? "platform" : "tenant");
}
