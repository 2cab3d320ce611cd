import { createHash } from "node:crypto";
import type { ClawRuntime } from "../../sdk/contract/index.ts";
import { LAST_WORD, PARTS_OF_SECRETS } from "./explained-start.ts";

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** `node -e` of this, with what is to be done as its argument. What was done is not done again, whoever starts the pod anew. */
const DO = `
const { spawnSync } = require("node:child_process");
const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { dirname } = require("node:path");
const { name, command, env, timeoutMs, secrets, mark, file } = JSON.parse(process.argv[1]);
if (!existsSync(mark)) {
  const own = { ...process.env, ...env };
  const run = spawnSync(command[0], command.slice(1), { env: own, encoding: "utf8", timeout: timeoutMs, maxBuffer: ${OUTPUT_BYTES_MAX} });
  if (run.status !== 0) {
    const lines = ((run.stdout ?? "") + (run.stderr ?? "")).split("\\n").map((line) => line.trim()).filter((line) => line !== "");
    const telling = lines.find((line) => /\\b(E40[134]|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ENOSPC|npm error code)\\b/.test(line)) ?? lines.at(-1);
    const why = run.error?.code === "ETIMEDOUT" ? "it took longer than " + timeoutMs / 1000 + " s" : telling;
    ${PARTS_OF_SECRETS}
    writeFileSync(file, name + " failed: " + clean(why ?? "exit code " + run.status).slice(0, 300));
    process.exit(1);
  }
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, "");
}
`.trim();

/** The arguments of a container that does something for a claw before it starts: as the claw, in its image, with its folders and its environment. */
export function preparedOnce(
  preparation: NonNullable<ClawRuntime["prepare"]>[number],
  resolve: (text: string) => string,
  secrets: readonly string[],
  marks: string,
  file = LAST_WORD,
): string[] {
  const { name, command, env, timeoutSeconds } = preparation;
  const task = {
    name,
    command: command.map(resolve),
    env: Object.fromEntries(Object.entries(env).map(([key, text]) => [key, resolve(text)])),
    timeoutMs: timeoutSeconds * 1000,
    secrets,
    mark: `${marks}/${createHash("sha256").update(JSON.stringify(preparation)).digest("hex")}`,
    file,
  };
  return ["node", "-e", DO, JSON.stringify(task)];
}
