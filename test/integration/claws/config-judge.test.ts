import { describe, it } from "vitest";
import { createClawChecker } from "../../../adapters/claws/claw-checker.ts";
import { openClawAdapter } from "../../../adapters/claws/openclaw/open-claw-adapter.ts";
import { OPENCLAW_VERSION, openClawDir, softwareDir } from "../../support/claws/open-claw-software.ts";

const adapter = openClawAdapter();
const checker = createClawChecker({
  entry: new URL("../../../service/roots/claw-checker.ts", import.meta.url),
  cacheDir: softwareDir,
});
const program = { package: "openclaw", version: OPENCLAW_VERSION };

/** What all of it comes to, schema and program together. */
async function issuesOf(native: Readonly<Record<string, unknown>>) {
  await openClawDir();
  const parsed = adapter.parseConfig({ native }, new Set(["native.channels.telegram.botToken"]));
  const question = adapter.question?.(parsed, OPENCLAW_VERSION);
  if (!question) {
    throw new Error("OpenClaw's program can be asked");
  }
  const checked = { schema: (await checker.schemaOf(program)) ?? undefined, said: await checker.judge(question) };
  return adapter.validate(parsed, OPENCLAW_VERSION, checked);
}

describe(`what OpenClaw ${OPENCLAW_VERSION} itself says of a config`, { timeout: 240_000 }, () => {
  it("is nothing of one that it takes, its secrets left out", async ({ expect }) => {
    const telegram = { enabled: true, dmPolicy: "pairing", botToken: "1:s3cret" };
    expect(await issuesOf({ channels: { telegram }, session: { dmScope: "per-peer" } })).toEqual([]);
  });

  it("names the key of what only it knows to be wrong, without advice that a managed instance can't follow", async ({ expect }) => {
    const issues = await issuesOf({ tools: { web: { search: { provider: "no-such-search" } } } });
    expect(issues).toMatchObject([{ path: "native.tools.web.search.provider", message: expect.stringContaining("OpenClaw refuses it") }]);
    expect(JSON.stringify(issues)).not.toMatch(/doctor|openclaw \w+ --/);
  });

  it("adds nothing to what the schema says better", async ({ expect }) => {
    expect(await issuesOf({ commands: { ownerDisplay: "raw" } })).toMatchObject([
      { path: "native.commands.ownerDisplay", message: "unknown key 'ownerDisplay'" },
    ]);
  });

  it("can't be asked of a version that there is not, which is said", async ({ expect }) => {
    await expect(checker.schemaOf({ ...program, version: "1.2.0" })).rejects.toMatchObject({
      name: "ProgramUnavailableError",
      message: expect.stringContaining("VersionNotFound: openclaw@1.2.0"),
    });
  });
});
