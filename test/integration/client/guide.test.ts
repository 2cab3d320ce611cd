import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { it } from "vitest";
import { aTenant } from "../../support/builders/manifests.ts";
import { tempDir } from "../../support/cli.ts";
import { startTestService } from "../../support/service.ts";
import { snippetsOf } from "../../support/snippets.ts";

const client = resolve(import.meta.dirname, "../../../sdk/client/index.ts");

// The guide's programs are what people paste: they run here as they stand, in their order, on the client's sources.
it("runs every program of the guide", { timeout: 300_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  await service.claw().tenants.create(aTenant("acme"));
  const env = { PATH: process.env["PATH"], CLAW_URL: service.url, CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" };
  const folder = await tempDir();
  const printed: string[] = [];
  for (const { file, source, code } of await snippetsOf("sdk")) {
    await writeFile(join(folder, file), code.replaceAll('from "open-cluster-claw"', `from ${JSON.stringify(client)}`));
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, file)], { cwd: folder, env }).catch(
      (error: { stdout?: string; stderr?: string }) => {
        throw new Error(`${source} failed:\n${error.stdout}\n${error.stderr}`, { cause: error });
      },
    );
    printed.push(stdout);
  }
  const text = printed.join("");
  expect(text).toContain("Running");
  expect(text).toContain("there?");
  expect(text).toContain("Running, as is declared: stop it");
  expect(text).toContain("update hello hot-reload");
  expect(text).toContain('+    "prefix": "I heard: "');
  expect(text).toMatch(/gone\n/);
  expect(text).toContain("instance.not_found");
});
