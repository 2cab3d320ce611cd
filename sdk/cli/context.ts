import { Claw } from "../client/index.ts";
import { usageError } from "./failure.ts";
import type { Io } from "./io.ts";
import { Printer } from "./output/printer.ts";
import { type Profile, pickProfile, readProfiles } from "./profiles.ts";
import { tokenOf } from "./session.ts";

/** Options that every command has. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tenant?: string;
  readonly profile?: string;
}

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly out: Printer;
  readonly claw: Claw;
  readonly globals: GlobalOptions;
  readonly signal: AbortSignal;
  /** For `claw diff --exit-code`, whose success has two exit codes. */
  exitCode: number;
}

/** Where the quickstart listens. */
export const DEFAULT_URL = "http://127.0.0.1:8787";

/** What a profile holds goes to nobody but whom it is of. @throws {CliError} for another address */
function assertItsOwn(url: string, { url: home = DEFAULT_URL, session, token }: Profile): void {
  if ((session ?? token) !== undefined && URL.parse(url)?.origin !== URL.parse(home)?.origin) {
    throw usageError(
      `the profile's token is for ${home} and is not sent to ${url}`,
      `sign in there, in a profile of its own: 'claw login ${url} --profile <name>', or give a token: CLAW_TOKEN`,
    );
  }
}

/** Flags win over the environment, the environment over the profile. */
export async function createContext(io: Io, globals: GlobalOptions): Promise<Context> {
  const profiles = await readProfiles(io);
  const out = new Printer(io);
  let claw: Claw | undefined;
  const connect = () => {
    const name = globals.profile ?? io.env["CLAW_PROFILE"];
    const profile = pickProfile(profiles, name);
    const url = globals.url ?? io.env["CLAW_URL"] ?? profile.url ?? DEFAULT_URL;
    const given = globals.token ?? io.env["CLAW_TOKEN"];
    if (given === undefined) {
      assertItsOwn(url, profile);
    }
    const held = profile.session ? tokenOf(io, name ?? profiles.current, profile.session) : profile.token;
    return new Claw({
      url,
      token: given ?? held,
      tenant: globals.tenant ?? io.env["CLAW_TENANT"] ?? profile.tenant,
      onWarning: (text) => out.note(`${out.paintNote("yellow", "warning:")} ${text}`),
    });
  };
  return {
    io,
    out,
    // Made when it is asked for: 'claw login' names a profile that is not there yet.
    get claw() {
      claw ??= connect();
      return claw;
    },
    globals,
    signal: io.signal,
    exitCode: 0,
  };
}
