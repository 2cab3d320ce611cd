import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "vitest";
import { addMasterKey, keepMasterKeys, loadMasterKeys } from "../../../adapters/identity/master-key.ts";

async function aFolder({ onTestFinished }: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "claw-key-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe("the master keys of a data folder", () => {
  it("are one at first, whoever asks first", async (test) => {
    const folder = path.join(await aFolder(test), "data");
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadMasterKeys(folder)));
    test.expect(new Set(keys.map(([key = ""]) => Buffer.from(key).toString("hex"))).size).toBe(1);
    test.expect(keys[0]?.map(({ length }) => length)).toEqual([32]);
    test.expect(await loadMasterKeys(folder)).toEqual(keys[0]);
    test.expect(await readdir(folder)).toEqual(["master.key"]);
    test.expect((await stat(path.join(folder, "master.key"))).mode & 0o777).toBe(0o600);
  });

  it("are refused when others may read them", async (test) => {
    const folder = await aFolder(test);
    await loadMasterKeys(folder);
    await chmod(path.join(folder, "master.key"), 0o644);
    await test.expect(loadMasterKeys(folder)).rejects.toThrow("chmod 600");
  });

  it("are refused and not replaced when one is damaged", async (test) => {
    const folder = await aFolder(test);
    await writeFile(path.join(folder, "master.key"), "short\n", { mode: 0o600 });
    await test.expect(loadMasterKeys(folder)).rejects.toThrow("restore it from a backup");
  });

  it("are kept beside a new one until they are dropped, closed to others all the time", async (test) => {
    const folder = await aFolder(test);
    const [first] = await loadMasterKeys(folder);
    await addMasterKey(folder);
    const added = await loadMasterKeys(folder);
    test.expect(added.map((key) => Buffer.from(key).equals(first ?? Buffer.alloc(0)))).toEqual([false, true]);
    await keepMasterKeys(folder, (_, index) => index === 0);
    test.expect(await loadMasterKeys(folder)).toEqual(added.slice(0, 1));
    test.expect(await readdir(folder)).toEqual(["master.key"]);
    test.expect((await stat(path.join(folder, "master.key"))).mode & 0o777).toBe(0o600);
  });
});
