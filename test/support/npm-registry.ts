import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  readonly bin?: Record<string, string>;
  readonly engines?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly files?: Record<string, string>;
}

export interface Registry {
  readonly url: string;
  readonly downloads: string[];
  /** How often it was asked for anything. */
  requests: number;
  /** What it does with requests: answers, breaks the connection off, or keeps silent. */
  mode: "serve" | "refuse" | "hang";
}

/** An npm registry of a few packages, and npm's settings of this process pointed at it. */
export async function aRegistry(...packages: RegistryPackage[]): Promise<Registry> {
  const dir = mkdtempSync(join(tmpdir(), "claw-registry-"));
  const tarballs = new Map(packages.map((item) => [`/${item.name}/-/${item.name}-${item.version}.tgz`, pack(dir, item)]));
  const downloads: string[] = [];
  const server = createServer((req, res) => {
    registry.requests++;
    if (registry.mode !== "serve") {
      return registry.mode === "refuse" ? req.socket.destroy() : undefined;
    }
    const path = decodeURIComponent(req.url ?? "");
    const tarball = tarballs.get(path);
    if (tarball) {
      downloads.push(path);
      res.end(tarball);
      return;
    }
    const found = packages.filter((item) => path === `/${item.name}`);
    res.writeHead(found.length === 0 ? 404 : 200, { "content-type": "application/json" });
    res.end(JSON.stringify(found.length === 0 ? { error: "not_found" } : packument(found, tarballs, url)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry: Registry = { url, downloads, requests: 0, mode: "serve" };
  useRegistry(url, join(dir, "cache"));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
    rmSync(dir, { recursive: true, force: true });
  });
  return registry;
}

/** Points npm at a registry for the rest of the test. */
export function useRegistry(url: string, cache: string): void {
  const settings = { npm_config_registry: url, npm_config_cache: cache, npm_config_userconfig: join(cache, "none") };
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  onTestFinished(() => {
    for (const [name, value] of before) {
      if (value === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = value;
      }
    }
  });
}

function pack(dir: string, item: RegistryPackage): Buffer {
  const { files = {}, ...manifest } = item;
  const root = join(dir, `${item.name}-${item.version}`, "package");
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries({ ...files, "package.json": JSON.stringify(manifest) })) {
    writeFileSync(join(root, path), content);
  }
  return execFileSync("tar", ["-cz", "-C", join(root, ".."), "package"]);
}

function packument(versions: readonly RegistryPackage[], tarballs: ReadonlyMap<string, Buffer>, url: string) {
  const name = versions[0]?.name ?? "";
  const entries = versions.map(({ files: _files, ...manifest }) => {
    const path = `/${name}/-/${name}-${manifest.version}.tgz`;
    const integrity = `sha512-${createHash("sha512")
      .update(tarballs.get(path) ?? "")
      .digest("base64")}`;
    return [manifest.version, { ...manifest, dist: { tarball: `${url}${path}`, integrity } }];
  });
  return { name, "dist-tags": { latest: versions.at(-1)?.version }, versions: Object.fromEntries(entries) };
}
