/** The process that asks a claw's program about one config, or for its schema: a composition root of its own beside `main.ts`. */
import type { CheckReply, CheckRequest } from "../../adapters/claws/claw-checker.ts";
import { judgeOpenClawConfig } from "../../adapters/claws/openclaw/config-judge.ts";
import { installedSchema, openClawCompletion } from "../../adapters/claws/openclaw/config-schemas.ts";
import { runConfined } from "../../adapters/confinement/run-confined.ts";
import { installSoftware } from "../../adapters/providers/clusterclaw/software.ts";

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
    : { type: "issues", issues: await judgeOpenClawConfig(request.question, { cacheDir, dir }, runConfined) };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
