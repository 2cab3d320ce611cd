import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { create, Header } from "tar";
import { describe, it, onTestFinished } from "vitest";
import { installArchive } from "../../../adapters/providers/clusterclaw/archive-install.ts";
import { aTempDir, TestResource } from "../../support/claw-provider.ts";

/** Serves archives: path → bytes, or where it leads to. */
async function aServer(answers: Readonly<Record<string, Buffer | string>>) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url ?? "");
    const answer = answers[req.url ?? ""];
    if (typeof answer === "string") {
      res.writeHead(302, { location: answer }).end();
    } else {
      res.writeHead(answer ? 200 : 404).end(answer);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const digestOf = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** A compressed archive of a program and a link to it. */
async function anArchive(): Promise<Buffer> {
  const dir = aTempDir();
  mkdirSync(join(dir, "weather-1.0.0/bin"), { recursive: true });
  writeFileSync(join(dir, "weather-1.0.0/bin/run.mjs"), "// a program\n", { mode: 0o755 });
  symlinkSync("bin/run.mjs", join(dir, "weather-1.0.0/run"));
  const file = join(dir, "w.tgz");
  await create({ file, cwd: dir, gzip: true }, ["weather-1.0.0"]);
  return readFileSync(file);
}

/** A hand-made archive, as nobody's tar would write it. */
function aTar(...entries: { path: string; type?: string; linkpath?: string; content?: string; size?: number; mode?: number }[]): Buffer {
  const blocks = entries.flatMap(({ path, type = "File", linkpath = "", content = "", size = content.length, mode = 0o644 }) => {
    const header = Buffer.alloc(512);
    new Header({ path, type: type as never, linkpath, size, mode, mtime: new Date(0) }).encode(header, 0);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const software = (cacheDir: string, url: string, bytes: Buffer, changes = {}) => ({
  source: "archive",
  cacheDir,
  url,
  sha256: digestOf(bytes),
  version: "1.0.0",
  ...changes,
});

describe("software of an archive", () => {
  it("is fetched once for a host, wherever it lies, and unpacked with its links and programs", async ({ expect }) => {
    const bytes = await anArchive();
    const { url, asked } = await aServer({ "/w.tgz": "/moved/w.tgz?signed=1", "/moved/w.tgz?signed=1": bytes });
    const cacheDir = aTempDir();
    const inputs = software(cacheDir, `${url}/w.tgz`, bytes);
    expect(await new TestResource("Software").check(inputs)).toEqual([]);
    const all = await Promise.all([1, 2].map(() => new TestResource("Software").create(inputs)));
    const dir = join(cacheDir, ".archives", digestOf(bytes));
    expect(all.map(({ outputs }) => outputs["dir"])).toEqual([dir, dir]);
    expect(asked).toEqual(["/w.tgz", "/moved/w.tgz?signed=1"]);
    expect(readFileSync(join(dir, "weather-1.0.0/run"), "utf8")).toBe("// a program\n");
    expect(readdirSync(join(cacheDir, ".archives"))).toEqual([digestOf(bytes)]);
    expect(await all[0]?.refresh()).toBe(true);
  });

  it("is not kept where its bytes are others", async ({ expect }) => {
    const bytes = await anArchive();
    const { url } = await aServer({ "/w.tgz": bytes });
    const cacheDir = aTempDir();
    const other = software(cacheDir, `${url}/w.tgz`, Buffer.from("other"));
    await expect(new TestResource("Software").create(other)).rejects.toThrow(/^ArchiveChanged: .* has the digest [0-9a-f]{64}, not /);
    expect(readdirSync(join(cacheDir, ".archives"))).toEqual([]);
  });

  it.for([
    { name: "a file outside", tar: aTar({ path: "../evil", content: "x" }), why: "has '../evil', which is not inside of its folder" },
    { name: "a file of the root", tar: aTar({ path: "/etc/evil", content: "x" }), why: "has '/etc/evil', which is not inside" },
    {
      name: "a link that leads out",
      tar: aTar({ path: "a/out", type: "SymbolicLink", linkpath: "../../x" }, { path: "a/out/evil", content: "x" }),
      why: "has the link 'a/out' to '../../x', which is not inside",
    },
    {
      name: "a link that leads out by another",
      tar: aTar(
        { path: "a/b/", type: "Directory" },
        { path: "a/b/top", type: "SymbolicLink", linkpath: "../.." },
        { path: "out", type: "SymbolicLink", linkpath: "a/b/top/.." },
      ),
      why: "has the link 'out' to 'a/b/top/..', which is not inside",
    },
    { name: "a link to the root", tar: aTar({ path: "out", type: "SymbolicLink", linkpath: "/etc" }), why: "has the link 'out' to '/etc'" },
    { name: "a hard link", tar: aTar({ path: "out", type: "Link", linkpath: "/etc/passwd" }), why: "has 'out', a Link" },
    { name: "a device", tar: aTar({ path: "dev", type: "CharacterDevice" }), why: "has 'dev', a CharacterDevice" },
    { name: "more than its bound", tar: aTar({ path: "big", content: "x".repeat(4096) }), why: "has more than 2048 bytes in it" },
    { name: "nothing", tar: Buffer.from("<html>not found</html>"), why: "" },
    { name: "half of itself", tar: aTar({ path: "a", content: "x".repeat(600) }).subarray(0, 900), why: "can't be unpacked" },
  ])("is not kept with $name", async ({ tar, why }, { expect }) => {
    const { url } = await aServer({ "/x.tar": tar });
    const folder = join(aTempDir(), "draft");
    mkdirSync(folder);
    const wanted = { url: `${url}/x.tar`, sha256: digestOf(tar) };
    const installed = installArchive(wanted, folder, undefined, { fetched: 1024 ** 2, unpacked: 2048 });
    await expect(installed).rejects.toThrow(new RegExp(`^ArchiveUnsafe: .*${why.replace(/[().*+?]/g, "\\$&")}`));
    expect(existsSync(join(folder, "../evil"))).toBe(false);
    expect(existsSync("/etc/evil")).toBe(false);
    expect(existsSync(`${folder}.tar`)).toBe(false);
  });

  it("gives nobody another's rights, and is everybody's to read", async ({ expect }) => {
    const tar = aTar(
      { path: "closed/", type: "Directory", mode: 0o700 },
      { path: "closed/run", content: "x", mode: 0o6755 },
      { path: "closed/text", content: "x", mode: 0o600 },
    );
    const { url } = await aServer({ "/x.tar": tar });
    const folder = join(aTempDir(), "draft");
    mkdirSync(folder);
    await installArchive({ url: `${url}/x.tar`, sha256: digestOf(tar) }, folder, undefined);
    const modes = ["closed", "closed/run", "closed/text"].map((path) => (statSync(join(folder, path)).mode & 0o7777).toString(8));
    expect(modes).toEqual(["755", "755", "644"]);
  });

  it("is fetched up to a size, and never from what is only the host's own", async ({ expect }) => {
    const bytes = await anArchive();
    const { url } = await aServer({
      "/w.tgz": bytes,
      "/leads": "http://169.254.169.254/latest/meta-data",
      "/file": "file:///etc/passwd",
      "/round": "/round",
    });
    const fetched = (path: string, limits = { fetched: 1024 ** 2, unpacked: 1024 ** 2 }, base = url) => {
      const folder = join(aTempDir(), "draft");
      mkdirSync(folder);
      return installArchive({ url: `${base}${path}`, sha256: digestOf(bytes) }, folder, undefined, limits);
    };
    await expect(fetched("/w.tgz", { fetched: 10, unpacked: 1024 })).rejects.toThrow(/^ArchiveUnsafe: .* is larger than 10 bytes/);
    await expect(fetched("/leads")).rejects.toThrow(/^ArchiveUnavailable: .*169\.254\.169\.254 is not connected to/);
    await expect(fetched("/x", undefined, "http://169.254.169.254")).rejects.toThrow(/is not connected to/);
    await expect(fetched("/file")).rejects.toThrow(/leads to what is no address of HTTP/);
    await expect(fetched("/round")).rejects.toThrow(/leads on more than 5 times/);
    await expect(fetched("/none")).rejects.toThrow(/^ArchiveUnavailable: .* answers 404/);
    await expect(fetched("/x", undefined, "http://127.0.0.1:9")).rejects.toThrow(/^ArchiveUnavailable: .*ECONNREFUSED/);
  });

  it("has an address that lets nobody in, and a whole digest", async ({ expect }) => {
    const check = (changes: object) =>
      new TestResource("Software").check(software("/a/b", "https://example.org/x.tgz", Buffer.from(""), changes));
    expect(await check({})).toEqual([]);
    for (const changes of [
      { url: "https://u:p@example.org/x" },
      { url: "https://example.org/x?token=1" },
      { url: "file:///x" },
      { sha256: "abc" },
    ]) {
      expect((await check(changes)).length).toBe(1);
    }
  });
});
