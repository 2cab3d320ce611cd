import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "vitest";
import { loadMasterKey } from "../../../adapters/identity/master-key.ts";

async function aFolder({ onTestFinished }: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "claw-key-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe("loadMasterKey", () => {
  it("makes one key, whoever asks first", async (test) => {
    const folder = path.join(await aFolder(test), "data");
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadMasterKey(folder)));
    test.expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
    test.expect(keys[0]).toHaveLength(32);
    test.expect(await loadMasterKey(folder)).toEqual(keys[0]);
    test.expect(await readdir(folder)).toEqual(["master.key"]);
    test.expect((await stat(path.join(folder, "master.key"))).mode & 0o777).toBe(0o600);
  });

  it("refuses a key that others may read", async (test) => {
    const folder = await aFolder(test);
    await loadMasterKey(folder);
    await chmod(path.join(folder, "master.key"), 0o644);
    await test.expect(loadMasterKey(folder)).rejects.toThrow("chmod 600");
  });

  it("refuses a damaged key and does not replace it", async (test) => {
    const folder = await aFolder(test);
    await writeFile(path.join(folder, "master.key"), "short\n", { mode: 0o600 });
    await test.expect(loadMasterKey(folder)).rejects.toThrow("restore it from a backup");
  });
});
