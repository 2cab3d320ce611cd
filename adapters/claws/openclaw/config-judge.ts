import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Issue } from "../../../sdk/contract/index.ts";
import { type ConfigQuestion, ProgramUnavailableError } from "../../../service/application/ports/instances/claw-programs.ts";
import type { ProgramRunner } from "./config-schemas.ts";
import { PACKAGE } from "./open-claw-adapter.ts";

const JUDGE_TIMEOUT_MS = 60_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
const ISSUES_MAX = 100;
const MESSAGE_LENGTH_MAX = 1000;
/** What the program advises at a terminal, which a managed instance has no use for. Of spaces before it so many, or it would take the square of a text's length. */
const ADVICE = /[,;]?\s{0,2}(then |and |or )?(re-?run|run):? ["'`]?openclaw [^)"'`.]*["'`]?/gi;

const AnswerSchema = z.object({
  issues: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
});

/**
 * Asks an installed OpenClaw what it says of a config, with its secrets left out.
 * @param cacheDir where versions are installed, this one in `dir`
 * @throws {ProgramUnavailableError} when it gives no answer
 */
export async function judgeOpenClawConfig(
  question: ConfigQuestion,
  { cacheDir, dir }: { readonly cacheDir: string; readonly dir: string },
  run: ProgramRunner,
): Promise<Issue[]> {
  const hostDir = dirname(cacheDir);
  // In the hands of the run alone: other tenants' configs are nobody's business.
  const folder = join(hostDir, `.check-${randomBytes(8).toString("hex")}`);
  const file = join(folder, "openclaw.json");
  await mkdir(folder, { mode: 0o700 });
  try {
    await writeFile(file, question.content, { mode: 0o600 });
    const answer = await run(
      {
        hostDir,
        name: `${PACKAGE}-check`,
        readable: [dir],
        writable: [folder],
        args: [join(dir, "node_modules", PACKAGE, "openclaw.mjs"), "config", "validate", "--json"],
        homeVariables: ["HOME", "OPENCLAW_STATE_DIR"],
        env: { ...question.env, OPENCLAW_CONFIG_PATH: file, OPENCLAW_NO_AUTO_UPDATE: "1", OPENCLAW_SUPERVISOR_MODE: "external" },
        timeoutMs: JUDGE_TIMEOUT_MS,
        outputBytesMax: ANSWER_BYTES_MAX,
      },
      undefined,
    ).catch(printedOf);
    return issuesOf(answer, question);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** It ends with 1 when it refuses the config. @throws what kept it from running */
function printedOf(error: unknown): string {
  if (error instanceof Error && "stdout" in error && typeof error.stdout === "string") {
    return error.stdout;
  }
  throw error;
}

function issuesOf(printed: string, question: ConfigQuestion): Issue[] {
  const answer = AnswerSchema.safeParse(jsonOf(printed));
  if (!answer.success) {
    throw new ProgramUnavailableError(`${question.package}@${question.version} does not say what it thinks of a config`);
  }
  // What it misses now it has when it runs.
  const brought = (question.packages ?? []).map(({ path }) => path);
  const found = answer.data.issues.filter(({ path }) => !brought.includes(path));
  return found.slice(0, ISSUES_MAX).map(({ path, message }) => ({
    path: path === "<root>" ? "" : path,
    message: `OpenClaw refuses it: ${message.replace(ADVICE, "").slice(0, MESSAGE_LENGTH_MAX)}`,
    fix: "correct it as OpenClaw's configuration reference says",
  }));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
