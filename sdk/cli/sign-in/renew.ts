import { refreshTokenGrant } from "openid-client";
import { CliError, ExitCode } from "../failure.ts";
import type { Io } from "../io.ts";
import { isFresh, type Session, updateProfiles } from "../profiles.ts";
import { asking, connect, isRefusal, sessionOf } from "./provider.ts";

/**
 * Has the session of a profile renewed, and keeps it. Under the file's lock: a refresh token is good for one use, and a second one would end the session
 * at the provider. @throws {CliError} when one has to sign in again
 */
export async function renew(io: Io, name: string): Promise<Session> {
  let renewed: Session | undefined;
  await updateProfiles(io, async (stored) => {
    const profile = stored.profiles[name];
    if (profile?.session === undefined) {
      throw signedOut(name, "the session was ended by another command");
    }
    // Another command may have been first.
    renewed = isFresh(profile.session) ? profile.session : await refresh(name, profile.session);
    return { ...stored, profiles: { ...stored.profiles, [name]: { ...profile, session: renewed } } };
  });
  return renewed as Session;
}

/** Not to be interrupted: what the provider gives is lost when it is not kept. */
async function refresh(name: string, session: Session): Promise<Session> {
  const { issuer, refreshToken } = session;
  if (refreshToken === undefined) {
    throw signedOut(name, `it was good until ${session.expiresAt}`);
  }
  const config = await connect(session);
  try {
    return sessionOf(session, await asking(issuer, () => refreshTokenGrant(config, refreshToken)), session);
  } catch (error) {
    if (error instanceof CliError && isRefusal(error.cause)) {
      throw signedOut(name, `${issuer} does not renew it: ${error.why}`, error.cause);
    }
    throw error;
  }
}

function signedOut(name: string, why: string, cause?: unknown): CliError {
  return new CliError(`the session of profile '${name}' is over`, {
    why,
    fix: `sign in again: 'claw login --profile ${name}'`,
    exitCode: ExitCode.Auth,
    cause,
  });
}
