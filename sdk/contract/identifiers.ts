import { z } from "zod";
import { isRelativePath } from "./paths.ts";

/** Where a file of a claw is, below the folder that it is written to: `skills/weather/SKILL.md`. */
export const RelativePathSchema = z
  .string()
  .max(1024)
  .refine(isRelativePath, "must be a path inside its folder, such as 'config.json': not absolute, and without '.' and '..'");

/** A folder as a manifest names it, in the instance as if that were the root of a disk. */
export const FolderSchema = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9_./@+-]+$/, "not a folder such as '/data/config': letters, digits, '.', '_', '/', '@', '+' and '-'");

/** A version of a claw's software, which becomes a folder's name: `2026.9.6`, `1.0.0-beta.2`. */
export const VersionSchema = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, "not a version such as '2026.9.6': letters, digits, '.', '_', '+' and '-'");

/** The name of an environment variable. */
export const EnvNameSchema = z
  .string()
  .max(256)
  .regex(/^[A-Z_][A-Z0-9_]*$/, "an environment variable such as 'API_KEY'");

/** The name of a claw type or of its adapter: `OpenClaw`, `EchoAdapter`. */
export const TypeNameSchema = z
  .string()
  .max(63)
  .regex(/^[A-Za-z][A-Za-z0-9]*$/, "not the name of a type such as 'OpenClaw': letters and digits, beginning with a letter");

/** The name of an npm package, with its scope when it has one. */
export const PackageNameSchema = z
  .string()
  .max(214)
  .regex(/^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/, "must be the name of an npm package");

/** Where an archive of software is. Whoever sees a claw type sees it: what lets one in has no place there. */
export const ArchiveUrlSchema = z
  .string()
  .max(2048)
  .regex(
    /^https?:\/\/[A-Za-z0-9.:[\]-]+\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]+$/,
    "not an address such as 'https://example.org/weather-1.0.0.tgz': without user, password and query",
  );

/** A SHA-256, in hexadecimal digits. */
export const Sha256Schema = z
  .string()
  .max(64)
  .regex(/^[0-9a-f]{64}$/, "not a SHA-256: 64 hexadecimal digits in lower case");
