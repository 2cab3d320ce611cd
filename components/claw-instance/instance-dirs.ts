import { join, normalize } from "node:path";
import { pathBelow } from "../../sdk/contract/index.ts";

/** Absolute paths of one instance on a host. */
export interface InstanceDirs {
  /** What all instances of the host share. */
  readonly hostDir: string;
  /** Installed software, shared by all instances. */
  readonly cacheDir: string;
  readonly configDir: string;
  readonly dataDir: string;
  readonly runDir: string;
}

/** The folders that a manifest names, in it as if `own` were the root; whatever is named, they are below `own`. */
export function storageDirs(
  own: string,
  storage: { readonly configDir?: string | undefined; readonly dataDir?: string | undefined },
): { readonly configDir: string; readonly dataDir: string } {
  const inside = (path: string | undefined, fallback: string) => {
    const relative = normalize(join("/", path ?? fallback)).replace(/^\/+|\/+$/g, "");
    return pathBelow(own, relative === "" ? fallback : relative);
  };
  return { configDir: inside(storage.configDir, "config"), dataDir: inside(storage.dataDir, "data") };
}

/** The folder of an instance's config and data: nothing else is in it. */
export function instanceRoot(rootDir: string, tenant: string, uid: string): string {
  return pathBelow(rootDir, "tenants", tenant, uid);
}

/**
 * Where an instance lives below the host's root folder. The paths that a manifest names are inside the instance, as they would be in
 * a container: no tenant reaches the host's own folders, or another's, by naming them.
 */
export function instanceDirs(
  rootDir: string,
  tenant: string,
  instance: { readonly uid: string; readonly storage: { readonly configDir?: string | undefined; readonly dataDir?: string | undefined } },
): InstanceDirs {
  return {
    hostDir: rootDir,
    cacheDir: join(rootDir, "software"),
    ...storageDirs(instanceRoot(rootDir, tenant, instance.uid), instance.storage),
    runDir: pathBelow(rootDir, "run", instance.uid),
  };
}
