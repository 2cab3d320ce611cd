import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CliError, ExitCode, usageError } from "./failure.ts";
import type { Io } from "./io.ts";

/** A control plane, and as whom to call it. */
export interface Profile {
  readonly url?: string;
  readonly token?: string;
  readonly tenant?: string;
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

/** Written whole and for the owner's eyes only: it holds tokens. */
export async function writeProfiles(io: Io, profiles: Profiles): Promise<string> {
  const path = profilesPath(io);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.tmp`;
  await writeFile(draft, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
  return path;
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
