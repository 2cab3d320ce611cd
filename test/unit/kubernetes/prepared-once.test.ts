import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it } from "vitest";
import { preparedOnce } from "../../../components/kubernetes/prepared-once.ts";
import { tempDir } from "../../support/cli.ts";

const folder = await tempDir();
const file = join(folder, "termination-log");

/** Runs what is to be done before a claw starts as a container does. */
async function prepare(name: string, program: string) {
  const command = ["${node}", "-e", program];
  const preparation = { name, command, env: { COUNT: "${runDir}/count" }, timeoutSeconds: 30 };
  const resolve = (text: string) => text.replace("${node}", "node").replace("${runDir}", folder);
  const [node = "", ...args] = preparedOnce(preparation, resolve, ["TOKEN"], join(folder, "prepared"), file);
  return promisify(execFile)(node, args, { env: { PATH: process.env["PATH"], TOKEN: "a-token" } });
}

describe("what is done for a claw in a pod before it starts", () => {
  it("is done once, in the claw's environment and its own", async ({ expect }) => {
    const program = 'require("node:fs").appendFileSync(process.env.COUNT, process.env.TOKEN.length + " ")';
    await prepare("install it", program);
    await prepare("install it", program);
    expect(await readFile(join(folder, "count"), "utf8")).toBe("7 ");
  });

  it("leaves why it failed, without secrets, and is tried again", async ({ expect }) => {
    const program = 'console.error("npm error code E401 for a-token"); console.error("see the log"); process.exit(1)';
    for (const _ of [1, 2]) {
      await expect(prepare("install that", program)).rejects.toMatchObject({ code: 1 });
      expect(await readFile(file, "utf8")).toBe("install that failed: npm error code E401 for [secret]");
    }
  });
});
