import * as client from "openid-client";
import { limited } from "../../client/transport.ts";
import { CliError, ExitCode } from "../failure.ts";
import { type Io, isInteractive } from "../io.ts";
import { openAddress } from "../open-address.ts";
import type { Printer } from "../output/printer.ts";
import type { Session } from "../profiles.ts";
import { asking, connect, type ProviderClient, sessionOf } from "./provider.ts";
import { listenForReturn, type Returned } from "./redirect.ts";

/** Longer than a password, a second factor and a coffee take. */
const TIMEOUT_MS = 5 * 60_000;

/** Signs in with a browser of this machine: authorization code with PKCE, and back to a port of the loopback. */
export async function signInByBrowser(io: Io, out: Printer, provider: ProviderClient, scopes: readonly string[]): Promise<Session> {
  const config = await connect(provider);
  const [pkceCodeVerifier, expectedState, expectedNonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const redirect = await listenForReturn(expectedState);
  try {
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: redirect.uri,
      scope: scopes.join(" "),
      state: expectedState,
      nonce: expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
    });
    out.note(`sign in with a browser of this machine:\n${address.href}`);
    if (isInteractive(io)) {
      openAddress(io, redirect.leadTo(address.href));
    }
    const { url, say } = await withinLimit(io, redirect.returned);
    try {
      const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
      const tokens = await asking(provider.issuer, () => client.authorizationCodeGrant(config, url, checks));
      const session = sessionOf(provider, tokens);
      await say("You are signed in. This page can be closed.");
      return session;
    } catch (error) {
      await say("That did not work: the terminal says why. This page can be closed.");
      throw error;
    }
  } finally {
    redirect.close();
  }
}

async function withinLimit(io: Io, returned: Promise<Returned>): Promise<Returned> {
  const limit = limited(io.signal, TIMEOUT_MS);
  try {
    const over = new Promise<never>((_, reject) => {
      const end = () =>
        reject(
          new CliError(`nobody signed in within ${TIMEOUT_MS / 60_000} minutes`, {
            fix: "try again; where this machine has no browser: 'claw login --device'",
            exitCode: ExitCode.Auth,
          }),
        );
      limit.signal.aborted ? end() : limit.signal.addEventListener("abort", end, { once: true });
    });
    return await Promise.race([returned, over]);
  } finally {
    limit.clear();
  }
}
