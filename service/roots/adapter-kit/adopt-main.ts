/** The process that reads an OpenClaw for `claw adopt`: a composition root of its own beside `main.ts`. It answers with one line of JSON. */
import { homedir } from "node:os";
import { AdoptionError, adoptOpenClaw } from "../../../adapters/claws/openclaw/adopt.ts";
import { findOpenClaw } from "../../../adapters/claws/openclaw/find-openclaw.ts";

const { name, ...where } = JSON.parse(process.argv[2] ?? "{}");
process.stdout.write(`${JSON.stringify(answer())}\n`);

function answer(): object {
  try {
    return adoptOpenClaw(name, findOpenClaw({ ...where, env: process.env, homeDir: process.env["HOME"] ?? homedir() }));
  } catch (error) {
    if (error instanceof AdoptionError) {
      return { error: error.message };
    }
    throw error;
  }
}
