import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { beforeEach } from "vitest";

/** The real CLI is compared with whenever it is there. */
export const hasCli = isOnPath("pulumi");

export function isOnPath(binary: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, binary)));
}
/** Why a case is skipped when it is not. */
export const NO_CLI = "the real pulumi CLI is not on PATH";

/** Skips the tests of a file or a suite, and says why, when it is not. */
export function needsCli(): void {
  beforeEach(({ skip }) => skip(!hasCli, NO_CLI));
}
