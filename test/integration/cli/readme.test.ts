import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "vitest";
import { aTenant } from "../../support/builders/manifests.ts";
import { runCli, tempDir } from "../../support/cli.ts";
import { startTestService } from "../../support/service.ts";

/** What differs from run to run. */
const alike = (text: string) =>
  text
    .replaceAll(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/g, "⠋")
    .replaceAll(/\b(\d+m)?\d+s\b/g, "0s")
    .replaceAll(/\bpln_\w+/g, "pln_");

/** The trees that a terminal showed, one after another. */
function treesOf(drawn: string): string[] {
  return drawn
    .split("\u001b[J")
    .slice(1)
    .map((frame) => alike(frame.split("\u001b", 1)[0] ?? ""));
}

// The first thing that a reader sees is what the program prints, but for times and ids.
it("the README shows a manifest, the tree of its start and the diff of its change as they are", { timeout: 300_000 }, async ({
  expect,
  onTestFinished,
}) => {
  const readme = await readFile(join(import.meta.dirname, "../../../README.md"), "utf8");
  const [manifest = "", tree = "", diff = ""] = [...readme.matchAll(/```(?:yaml|text)\n([\s\S]*?)```/g)].map(([, block]) => block);
  const service = await startTestService();
  onTestFinished(() => service.stop());
  await service.claw().tenants.create(aTenant("acme", { quota: { instances: 5 } }));
  const cwd = await tempDir();
  const claw = (...argv: readonly string[]) => runCli(argv, { url: service.url, cwd, tty: true, env: { CLAW_TOKEN: service.adminToken } });

  await writeFile(join(cwd, "hello.yaml"), manifest);
  const drawn: string[] = [];
  // The claw starts in a fraction of a second, and is looked at three times in one: about every third start is seen.
  // Whether the operation is over by then is not said by its agent.
  const wanted = [alike(tree), alike(tree.replace("├─ ✔ Provisioned\n", ""))];
  for (let start = 0; start < 20 && !wanted.some((frame) => drawn.includes(frame)); start++) {
    await claw("delete", "-f", "hello.yaml", "--yes", "--wait");
    const applied = await claw("apply", "-f", "hello.yaml", "--yes", "--wait");
    expect(applied.stdout).toBe("instance/hello created\n");
    drawn.push(...treesOf(applied.stderr));
  }
  expect(drawn.filter((frame) => wanted.includes(frame))).not.toEqual([]);

  await writeFile(join(cwd, "hello.yaml"), manifest.replace("You said", "I heard"));
  const { stdout } = await claw("diff", "-f", "hello.yaml");
  for (const part of diff.split("…\n")) {
    expect(alike(stdout)).toContain(alike(part));
  }
});
