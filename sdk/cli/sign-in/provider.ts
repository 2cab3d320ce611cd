import * as client from "openid-client";
import { CliError, ExitCode } from "../failure.ts";
import { isLoopback } from "../loopback.ts";
import type { Session } from "../profiles.ts";

/** A client of an identity provider. */
export interface ProviderClient {
  readonly issuer: string;
  readonly clientId: string;
}

/** Of one request. */
const TIMEOUT_SECONDS = 10;

/** Finds out how to talk to a provider. ID tokens are verified by its keys. @throws {CliError} when it can't be reached, or not in confidence */
export async function connect({ issuer, clientId }: ProviderClient): Promise<client.Configuration> {
  const url = new URL(issuer);
  if (url.protocol !== "https:" && !(isLoopback(url.hostname) && url.protocol === "http:")) {
    throw new CliError(`the identity provider ${printable(issuer)} is not asked: what it says could be read by others`, {
      fix: "its address in the control plane's CLAW_ISSUERS begins with https://",
    });
  }
  const insecure = url.protocol === "http:" ? [client.allowInsecureRequests] : [];
  return asking(issuer, () =>
    client.discovery(url, clientId, undefined, client.None(), {
      timeout: TIMEOUT_SECONDS,
      execute: [client.enableNonRepudiationChecks, ...insecure],
    }),
  );
}

/** Tells apart that a provider refuses, and that it can't be had. @throws {CliError} */
export async function asking<T>(issuer: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (isRefusal(cause)) {
      const why = cause.error_description === undefined ? cause.error : `${cause.error}: ${cause.error_description}`;
      throw new CliError(`${printable(issuer)} refused`, { why: printable(why), exitCode: ExitCode.Auth, cause });
    }
    throw new CliError(`the identity provider ${printable(issuer)} can't be asked`, { why: printable(innermost(cause)), cause });
  }
}

/** Whether the provider said no, in the protocol's words, and not that it is in trouble itself. */
export function isRefusal(error: unknown): error is client.ResponseBodyError | client.AuthorizationResponseError {
  return (error instanceof client.ResponseBodyError && error.status < 500) || error instanceof client.AuthorizationResponseError;
}

/** What is kept of an answer. @param former what it renews @throws {CliError} when there is no ID token in it */
export function sessionOf(
  { issuer, clientId }: ProviderClient,
  tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers,
  former?: Session,
): Session {
  const expiry = tokens.claims()?.exp;
  if (tokens.id_token === undefined || expiry === undefined) {
    throw new CliError(`${printable(issuer)} gave no ID token`, {
      fix: former ? "sign in again: 'claw login'" : `ask its administrator what the client '${printable(clientId)}' may have`,
      exitCode: ExitCode.Auth,
    });
  }
  const refreshToken = tokens.refresh_token ?? former?.refreshToken;
  return {
    issuer,
    clientId,
    idToken: tokens.id_token,
    expiresAt: new Date(expiry * 1000).toISOString(),
    ...(refreshToken !== undefined && { refreshToken }),
  };
}

/** Words of another, as they can go to a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "");
}

/** `fetch` and the library wrap what went wrong. */
function innermost(error: unknown): string {
  let said = String(error);
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    said = cause.message || (cause as NodeJS.ErrnoException).code || said;
  }
  return said;
}
