import { createHash } from "node:crypto";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ARCHIVE_SIGNATURE,
  ASSET_SIGNATURE,
  isObject,
  type PropertyMap,
  type PropertyValue,
  SIGNATURE_KEY,
  someValue,
} from "../contract/values.ts";
import { type TarMember, tarDigest } from "./tar-digest.ts";

/** Gives every asset and archive the digest of its contents: two are the same when their digests are. */
export async function hashAssets(map: PropertyMap): Promise<PropertyMap> {
  if (!someValue(map, isUnhashed)) {
    return map;
  }
  return (await hashValue(map)) as PropertyMap;
}

function isUnhashed(value: PropertyValue): boolean {
  return isObject(value) && (value[SIGNATURE_KEY] === ASSET_SIGNATURE || value[SIGNATURE_KEY] === ARCHIVE_SIGNATURE) && !value["hash"];
}

async function hashValue(value: PropertyValue): Promise<PropertyValue> {
  if (Array.isArray(value)) {
    return Promise.all(value.map(hashValue));
  }
  if (!isObject(value)) {
    return value;
  }
  const parts = await Promise.all(Object.entries(value).map(async ([key, part]) => [key, await hashValue(part)] as const));
  const copy: { [key: string]: PropertyValue } = Object.fromEntries(parts);
  if (!isUnhashed(copy)) {
    return copy;
  }
  // The SDK's own mark, not part of Pulumi's stored form.
  delete copy["__pulumiAsset"];
  delete copy["__pulumiArchive"];
  copy["hash"] = copy[SIGNATURE_KEY] === ASSET_SIGNATURE ? await assetHash(copy) : await archiveHash(copy);
  return copy;
}

async function assetHash(asset: PropertyMap): Promise<string> {
  return sha256(await contentOf(asset));
}

async function contentOf(asset: PropertyMap): Promise<Uint8Array> {
  if (typeof asset["path"] === "string") {
    return readFile(asset["path"]);
  }
  if (typeof asset["uri"] === "string" && asset["uri"] !== "") {
    return fetchUri(asset["uri"]);
  }
  return Buffer.from(typeof asset["text"] === "string" ? asset["text"] : "");
}

/** An archive file counts as it is, a folder or a map of assets as the tar file that would be made of it. */
async function archiveHash(archive: PropertyMap): Promise<string> {
  const members = await membersOf(archive);
  return members ? tarDigest(members) : sha256(await contentOf(archive));
}

async function membersOf(archive: PropertyMap): Promise<TarMember[] | undefined> {
  const { assets, path } = archive;
  if (isObject(assets)) {
    const members = new Map<string, TarMember>();
    for (const name of Object.keys(assets).sort()) {
      const member = assets[name];
      if (!isObject(member)) {
        throw new Error(`archive member '${name}' is neither an asset nor an archive`);
      }
      for (const { name: inner, content } of await flatten(name, member)) {
        if (!members.has(inner)) {
          members.set(inner, { name: inner, content });
        }
      }
    }
    return [...members.values()];
  }
  if (typeof path !== "string" || !(await stat(path)).isDirectory()) {
    return undefined;
  }
  return folderMembers(path, "");
}

async function flatten(name: string, member: PropertyMap): Promise<TarMember[]> {
  if (member[SIGNATURE_KEY] === ASSET_SIGNATURE) {
    return [{ name, content: await contentOf(member) }];
  }
  const inner = await membersOf(member);
  if (!inner) {
    throw new Error(`archive member '${name}' is an archive file itself, which is not supported: give its folder`);
  }
  return inner.map((each) => ({ ...each, name: posix.join(name, each.name) }));
}

/** Files in the order of a walk: by name within each folder. Pulumi's own bookkeeping is left out. */
async function folderMembers(folder: string, prefix: string): Promise<TarMember[]> {
  const members: TarMember[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    if (name === ".pulumi") {
      continue;
    }
    const isFolder = (await stat(path)).isDirectory();
    if (isFolder && (await lstat(path)).isSymbolicLink()) {
      continue;
    }
    if (isFolder) {
      members.push(...(await folderMembers(path, `${prefix}${name}/`)));
    } else {
      members.push({ name: `${prefix}${name}`, content: await readFile(path) });
    }
  }
  return members;
}

async function fetchUri(uri: string): Promise<Uint8Array> {
  if (uri.startsWith("file:")) {
    return readFile(fileURLToPath(uri));
  }
  const response = await fetch(uri);
  if (!response.ok) {
    throw new Error(`failed to load asset '${uri}': status ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
