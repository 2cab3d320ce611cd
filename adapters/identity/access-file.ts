import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How to get into the control plane of a data folder. */
export interface Access {
  readonly url: string;
  /** The platform administrator's; absent once it is retired. */
  readonly token?: string | undefined;
  /** The process of the control plane that wrote it. */
  readonly pid: number;
}

export function accessFile(dataDir: string): string {
  return join(dataDir, "access.json");
}

/** Undefined where no control plane has been ready yet. */
export function readAccess(dataDir: string): Promise<Access | undefined> {
  return readFile(accessFile(dataDir), "utf8").then(JSON.parse, () => undefined);
}

/** Where the local tools and the quickstart find the service; replaced whole, readable by its owner alone. */
export async function writeAccess(dataDir: string, access: Access): Promise<void> {
  const file = accessFile(dataDir);
  await writeFile(`${file}.new`, `${JSON.stringify(access)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Where the control plane is that has the data folder already, and what to do. @param pid its process */
export async function describeOther(dataDir: string, pid: number): Promise<string> {
  const access = await readAccess(dataDir);
  const [state, use] =
    access?.pid === pid
      ? [`runs at ${access.url}`, `use it (its token is in ${accessFile(dataDir)})`]
      : ["is just starting", "wait for it"];
  return `a control plane on the data folder ${dataDir} ${state} (pid ${pid}): ${use}, stop it with 'kill ${pid}', or start this one on another CLAW_DATA_DIR and CLAW_PORT`;
}
