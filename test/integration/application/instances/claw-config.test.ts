import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anInstance, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const anOpenClaw = (name: string, ...overrides: { key: string; value: unknown }[]) =>
  anInstance(name, { type: "OpenClaw", config: { overrides } });

describe("a path in a claw's configuration", () => {
  it.for([
    "/home/node/.openclaw/workspace-research",
    "/tmp/shared",
    "..",
    "../other/data",
    "${CLAW_DATA_DIR}/../other",
    "~/../../other",
    "$HOME/x",
    "${SOMEWHERE}/x",
  ])("is refused where it leads out of the instance: %s", async (workspace, { expect }) => {
    const write = claw.instances.create(anOpenClaw("out", { key: "agents.entries.research.workspace", value: workspace }));
    await expect(write).rejects.toMatchObject({
      code: "config.invalid",
      issues: expect.arrayContaining([
        expect.objectContaining({
          path: "agents.entries.research.workspace",
          fix: "begin it with '${CLAW_DATA_DIR}/', the instance's own folder",
        }),
      ]),
    });
  });

  it("is accepted inside of it, by whichever of its names", async ({ expect }) => {
    const folders = ["${CLAW_DATA_DIR}/research", "~/research", "research", "${HOME}/a/../b", "${dataDir}/research"];
    const entries = Object.fromEntries(folders.map((workspace, index) => [`agent${index}`, { workspace }]));
    const preview = await claw.previews.create({
      manifests: [
        anOpenClaw("in", { key: "agents", value: { ownership: "explicit", entries } }, { key: "worktreeRoot", value: "~/trees" }),
      ],
    });
    expect(preview.items[0]?.problems).toEqual([]);
  });
});
