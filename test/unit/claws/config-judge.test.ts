import { describe, it } from "vitest";
import { judgeOpenClawConfig } from "../../../adapters/claws/openclaw/config-judge.ts";
import { tempDir } from "../../support/cli.ts";

/** What comes of a message that the program prints of a config. */
async function messageOf(message: string): Promise<string | undefined> {
  const cacheDir = await tempDir();
  const question = { package: "openclaw", version: "1.0.0", content: "{}", digest: "0", env: {} };
  const [issue] = await judgeOpenClawConfig(question, { cacheDir: `${cacheDir}/cache`, dir: cacheDir }, async () =>
    JSON.stringify({ issues: [{ path: "tools", message }] }),
  );
  return issue?.message;
}

describe("what OpenClaw says of a config", () => {
  it("is told without its advice for a terminal", async ({ expect }) => {
    expect(await messageOf('unknown provider, then re-run: "openclaw doctor --fix"')).toBe("OpenClaw refuses it: unknown provider");
  });

  it("is read in a time that goes with its length", async ({ expect }) => {
    const begun = performance.now();
    await messageOf(`, ${" ".repeat(500_000)}then ${"re-run: ".repeat(50_000)}`);
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});
