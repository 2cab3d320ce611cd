import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Builds the web console of a checkout, unless it is as its sources are. A process of its own: what builds it is no part of the service. */
export async function prepareConsole(root: string): Promise<void> {
  await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "deploy/console.ts")], { cwd: root });
}
