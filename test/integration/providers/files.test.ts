import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { aTempDir, TestResource } from "../../support/claw-provider.ts";

describe("clusterclaw:process:Directory", () => {
  it("makes a folder with its mode, finds a changed mode, and puts it right", async ({ expect }) => {
    const path = join(aTempDir(), "a", "b");
    const inputs = { path, mode: "0700", deletion: "retain" };
    const dir = await new TestResource("Directory").create(inputs);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    const { chmodSync } = await import("node:fs");
    chmodSync(path, 0o755);
    expect(await dir.refresh()).toBe(true);
    expect((await dir.diff(inputs)).detailedDiff).toEqual({ mode: { kind: "update", inputDiff: true } });
    await dir.update(inputs);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it("keeps the folder's content unless deletion asks for more", async ({ expect }) => {
    const root = aTempDir();
    for (const deletion of ["retain", "delete"]) {
      const path = join(root, deletion);
      const dir = await new TestResource("Directory").create({ path, mode: "0700", deletion });
      writeFileSync(join(path, "user-data"), "x");
      await dir.delete();
      expect(existsSync(path)).toBe(deletion === "retain");
    }
  });

  it("adopts a folder that exists, and says when it is gone", async ({ expect }) => {
    const path = join(aTempDir(), "a");
    mkdirSync(path);
    writeFileSync(join(path, "kept"), "x");
    const dir = await new TestResource("Directory").create({ path, mode: "0700", deletion: "delete" });
    expect(existsSync(join(path, "kept"))).toBe(true);
    rmSync(path, { recursive: true });
    expect(await dir.refresh()).toBe(false);
    await dir.delete();
  });

  it("refuses paths that are relative or too near the root", async ({ expect }) => {
    const dir = new TestResource("Directory");
    for (const path of ["data", "/", "/etc", "/a/../etc/passwd", "/a/b/"]) {
      const failures = await dir.check({ path, mode: "0700", deletion: "delete" });
      expect(failures.length > 0 || path === "/a/b/", path).toBe(true);
    }
    expect(await dir.check({ path: "/a/b", mode: "rwx", deletion: "burn", colour: "red" })).toEqual([
      { property: "mode", reason: "must be permission bits such as '0700'" },
      { property: "deletion", reason: 'Invalid option: expected one of "retain"|"delete"' },
      { property: "", reason: 'Unrecognized key: "colour"' },
    ]);
  });

  it("replaces the folder when its path changes", async ({ expect }) => {
    const dir = await new TestResource("Directory").create({ path: join(aTempDir(), "a"), mode: "0700", deletion: "retain" });
    expect(await dir.diff({ path: "/elsewhere/b", mode: "0700", deletion: "retain" })).toMatchObject({
      changes: "some",
      replaces: ["path"],
      detailedDiff: { path: { kind: "update-replace", inputDiff: true } },
    });
  });
});

describe("clusterclaw:process:ConfigFiles", () => {
  const files = { "claw.json": '{"a":1}', "skills/x/SKILL.md": "# x\n" };

  it("writes files with mode 0600, and removes those that are no longer declared", async ({ expect }) => {
    const dir = aTempDir();
    writeFileSync(join(dir, "not-ours"), "x");
    const resource = await new TestResource("ConfigFiles").create({ dir, files });
    expect(readFileSync(join(dir, "skills/x/SKILL.md"), "utf8")).toBe("# x\n");
    expect(statSync(join(dir, "claw.json")).mode & 0o777).toBe(0o600);
    const { digest } = resource.outputs;
    await resource.update({ dir, files: { "claw.json": '{"a":2}' } });
    expect(readdirSync(dir).sort()).toEqual(["claw.json", "not-ours"]);
    expect(resource.outputs["digest"]).not.toBe(digest);
    await resource.delete();
    expect(readdirSync(dir)).toEqual(["not-ours"]);
  });

  it("removes what a writer left that was killed, whether it writes the file, leaves it or removes it", async ({ expect }) => {
    const dir = aTempDir();
    const resource = await new TestResource("ConfigFiles").create({ dir, files });
    const leave = () => {
      for (const path of Object.keys(files)) {
        writeFileSync(join(dir, `${path}.0123456789ab.new`), "half");
      }
      writeFileSync(join(dir, "theirs.json.0123456789ab.new"), "not of a file of ours");
    };
    const found = () =>
      readdirSync(dir, { recursive: true })
        .map(String)
        .filter((path) => path.endsWith(".new"));
    const left = ["theirs.json.0123456789ab.new"];
    leave();
    await resource.update({ dir, files: { ...files, "claw.json": '{"a":2}' } });
    expect(found()).toEqual(left);
    leave();
    await resource.delete();
    expect(found()).toEqual(left);
  });

  it("leaves equal files untouched, so that the claw's watcher stays quiet", async ({ expect }) => {
    const dir = aTempDir();
    const resource = await new TestResource("ConfigFiles").create({ dir, files });
    const before = statSync(join(dir, "claw.json")).ino;
    await resource.update({ dir, files: { ...files, more: "y" } });
    expect(statSync(join(dir, "claw.json")).ino).toBe(before);
  });

  it("shows changes file by file", async ({ expect }) => {
    const dir = aTempDir();
    const resource = await new TestResource("ConfigFiles").create({ dir, files });
    const diff = await resource.diff({ dir, files: { "claw.json": '{"a":2}', "new.md": "n" } });
    expect(diff.detailedDiff).toEqual({
      'files["claw.json"]': { kind: "update", inputDiff: true },
      'files["skills/x/SKILL.md"]': { kind: "delete", inputDiff: true },
      'files["new.md"]': { kind: "add", inputDiff: true },
    });
  });

  it("finds files that were edited or deleted on the host, and puts them right", async ({ expect }) => {
    const dir = aTempDir();
    const resource = await new TestResource("ConfigFiles").create({ dir, files });
    expect((await resource.diff({ dir, files })).changes).toBe("none");
    writeFileSync(join(dir, "claw.json"), "edited");
    rmSync(join(dir, "skills"), { recursive: true });
    await resource.refresh();
    expect(Object.keys((await resource.diff({ dir, files })).detailedDiff ?? {})).toEqual([
      'files["claw.json"]',
      'files["skills/x/SKILL.md"]',
    ]);
    await resource.update({ dir, files });
    await resource.refresh();
    expect((await resource.diff({ dir, files })).changes).toBe("none");
  });

  it("refuses paths outside its folder", async ({ expect }) => {
    const resource = new TestResource("ConfigFiles");
    for (const path of ["/etc/passwd", "../x", "a/../../x", "./x", ""]) {
      expect((await resource.check({ dir: "/a/b", files: { [path]: "x" } })).length, path).toBe(1);
    }
  });

  it("previews the digest that it will have", async ({ expect }) => {
    const dir = aTempDir();
    const resource = new TestResource("ConfigFiles");
    const { outputs } = await resource.preview({ dir, files });
    expect(readdirSync(dir)).toEqual([]);
    expect((await resource.create({ dir, files })).outputs).toEqual(outputs);
  });
});
