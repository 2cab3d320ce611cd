import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { createClawTypes } from "../../../adapters/claws/claw-types.ts";
import { called } from "../../../adapters/claws/own-types.ts";
import { checkClawType, readClawType } from "../../../service/roots/exports/adapter.ts";

const echo = join(import.meta.dirname, "../../../adapters/claws/manifest/echo");

/** A copy of the smallest type there is, changed. */
function aType(change: (manifest: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), "claw-type-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(echo, folder, { recursive: true });
  const file = join(folder, "claw-type.yaml");
  writeFileSync(file, change(readFileSync(file, "utf8")));
  return folder;
}

describe("a claw type of one's own", () => {
  it("is checked: what is wrong is named with its field and the fix", async ({ expect }) => {
    expect(await checkClawType(aType((manifest) => manifest))).toEqual([]);
    expect(await checkClawType(aType((manifest) => manifest.replace('"${port}"]', '"${prot}"]')))).toMatchObject([
      { path: "spec.command[2]", message: "${prot} is no placeholder", fix: expect.stringContaining("${port}") },
    ]);
    expect(await checkClawType(aType((manifest) => manifest.replace("reload: watch", "reload: wacth")))).toMatchObject([
      { path: "spec.reload" },
    ]);
    expect(await checkClawType(aType((manifest) => manifest.replace("from: echo.mjs", "from: none.mjs")))).toMatchObject([
      { path: "spec.software.files[0].from", fix: "name a file beside the manifest" },
    ]);
    expect(await checkClawType(join(tmpdir(), "nowhere-at-all"))).toMatchObject([{ message: "can't be read (ENOENT)" }]);
  });

  it.for(["opencode", "nanoclaw"])("that is an example of the documentation is one: %s", async (name, { expect }) => {
    expect(await checkClawType(join(import.meta.dirname, "../../../docs/examples", name))).toEqual([]);
  });

  it("that is code is checked for what an agent relies on", async ({ expect }) => {
    const adapter = readClawType(aType((manifest) => manifest));
    let count = 0;
    const restless = {
      ...adapter,
      injectRuntime: (...args: Parameters<typeof adapter.injectRuntime>) => ({
        ...adapter.injectRuntime(...args),
        restartDigest: `${count++}`,
      }),
    };
    expect(await checkClawType(adapter)).toEqual([]);
    expect(await checkClawType(restless)).toMatchObject([{ message: "the same configuration does not give the same bytes" }]);
    const leaky = {
      ...adapter,
      injectRuntime: (...args: Parameters<typeof adapter.injectRuntime>) => ({
        ...adapter.injectRuntime(...args),
        env: { TOKEN: args[1].instanceToken },
      }),
    };
    expect(await checkClawType(leaky)).toMatchObject([{ message: "a secret is written to a file or to a plain variable" }]);
  });

  it("is among those of the service, in place of one of the same name", async ({ expect }) => {
    const weather = aType((manifest) => manifest.replace("name: Echo", "name: Weather"));
    const louder = aType((manifest) => manifest.replace("Repeats what it is told", "Shouts"));
    const types = createClawTypes({ folders: [weather, louder] });
    expect(types.builtIn.map(({ type }) => type).sort()).toEqual(["Echo", "NanoClaw", "OpenClaw", "Weather"]);
    expect(called(types.builtIn, "echo")?.description).toBe("Shouts");
  });
});
