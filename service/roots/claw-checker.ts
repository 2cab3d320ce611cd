/** The process that asks a claw's program about one config, or for its schema: a composition root of its own beside `main.ts`. */
import type { CheckReply, CheckRequest } from "../../adapters/claws/claw-checker.ts";
import { judgeOpenClawConfig } from "../../adapters/claws/openclaw/config-judge.ts";
import { installedSchema, openClawCompletion } from "../../adapters/claws/openclaw/config-schemas.ts";
import { runConfined } from "../../adapters/confinement/run-confined.ts";
import { isPublished } from "../../adapters/providers/clusterclaw/npm-install.ts";
import { installSoftware } from "../../adapters/providers/clusterclaw/software.ts";
import type { Issue } from "../../sdk/contract/index.ts";
import type { ConfigQuestion } from "../application/ports/instances/claw-programs.ts";

process.once("message", async (request: CheckRequest) => {
  const reply = await answer(request).catch((error: unknown): CheckReply => ({ type: "unavailable", why: reasonOf(error) }));
  process.send?.(reply, () => process.disconnect?.());
});

async function answer(request: CheckRequest): Promise<CheckReply> {
  const { cacheDir } = request;
  const { package: name, version } = request.type === "schema" ? request.program : request.question;
  const { dir } = await installSoftware({ package: name, version, cacheDir }, openClawCompletion(runConfined));
  return request.type === "schema"
    ? { type: "schema", schema: await installedSchema(dir) }
    : {
        type: "issues",
        issues: [
          ...(await judgeOpenClawConfig(request.question, { cacheDir, dir }, runConfined)),
          ...(await missing(cacheDir, request.question)),
        ],
      };
}

/** The packages that the registry has not. */
async function missing(cacheDir: string, { packages = [] }: ConfigQuestion): Promise<Issue[]> {
  const found = await Promise.all(packages.map(({ package: name, version }) => isPublished(cacheDir, name, version)));
  return packages
    .filter((_needed, index) => found[index] === false)
    .map(({ package: name, version, path }) => ({
      path,
      message: `needs the package ${name}@${version}, which the npm registry does not have`,
      fix: "remove it, or have the registry offer the package",
    }));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
