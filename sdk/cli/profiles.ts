import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CliError, ExitCode, usageError } from "./failure.ts";
import { withLock } from "./file-lock.ts";
import type { Io } from "./io.ts";

/** A control plane, and as whom to call it. */
export interface Profile {
  readonly url?: string;
  readonly token?: string;
  readonly tenant?: string;
  /** Instead of a token: as whom one signed in at an identity provider. */
  readonly session?: Session;
}

/** What an identity provider gave. */
export interface Session {
  readonly issuer: string;
  /** Which of its clients it was given to. */
  readonly clientId: string;
  /** What the control plane is called with. */
  readonly idToken: string;
  /** Of the ID token. */
  readonly expiresAt: string;
  /** Absent where the provider gives none: one signs in again when the ID token has run out. */
  readonly refreshToken?: string;
}

/** The profiles file. */
export interface Profiles {
  readonly current: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const NONE: Profiles = { current: "default", profiles: {} };

function profilesPath({ env, homeDir }: Pick<Io, "env" | "homeDir">): string {
  return join(env["XDG_CONFIG_HOME"] || join(homeDir, ".config"), "claw", "config.json");
}

/** The profiles of this user; none when there is no file. */
export async function readProfiles(io: Io): Promise<Profiles> {
  const path = profilesPath(io);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return NONE;
    }
    throw new CliError(`${path} can't be read`, { why: String(error), cause: error });
  }
  try {
    const { current = NONE.current, profiles = {} } = JSON.parse(text) as Partial<Profiles>;
    return { current, profiles };
  } catch (cause) {
    throw new CliError(`${path} is not JSON`, { fix: "mend it, or delete it and run 'claw login'", exitCode: ExitCode.Usage, cause });
  }
}

/** Changes the file while no other command does. It is written whole and for the owner's eyes only: it holds tokens. @returns where it is */
export async function updateProfiles(io: Io, change: (stored: Profiles) => Profiles | Promise<Profiles>): Promise<string> {
  const path = profilesPath(io);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await withLock(`${path}.lock`, io.signal, async () => {
      const draft = `${path}.${process.pid}.tmp`;
      const profiles = await change(await readProfiles(io));
      await writeFile(draft, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
      await rename(draft, path);
    });
  } catch (error) {
    if (error instanceof Error && "syscall" in error) {
      throw new CliError(`${path} can't be written`, { why: error.message, cause: error });
    }
    throw error;
  }
  return path;
}

/** With less of it left, a token that can be renewed is, before it is used. */
const MARGIN_MS = 60_000;

/** Whether the session's token can be used as it is. */
export function isFresh({ expiresAt, refreshToken }: Session): boolean {
  return Date.parse(expiresAt) - Date.now() > (refreshToken === undefined ? 0 : MARGIN_MS);
}

/** The profile that a command uses. @param name as asked for with --profile */
export function pickProfile(profiles: Profiles, name: string | undefined): Profile {
  const profile = profiles.profiles[name ?? profiles.current];
  if (name !== undefined && !profile) {
    const known = Object.keys(profiles.profiles);
    throw usageError(
      `there is no profile '${name}'${known.length > 0 ? `; there are: ${known.join(", ")}` : ""}`,
      `make it: 'claw login <url> --profile ${name}'`,
    );
  }
  return profile ?? {};
}
