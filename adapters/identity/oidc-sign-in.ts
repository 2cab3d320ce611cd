import * as client from "openid-client";
import { ClawError } from "../../sdk/contract/index.ts";
import type { BrowserSignIn, PendingSignIn } from "../../service/application/ports/access/browser-sign-in.ts";
import type { IdentityProviders } from "../../service/application/ports/access/identity-providers.ts";
import { type Circuit, CircuitBreaker } from "../../service/domain/circuit-breaker.ts";

/** A provider that this service is a client of. */
export interface SignInIssuer {
  readonly issuer: string;
  readonly signIn?:
    | {
        readonly name: string;
        readonly label?: string | undefined;
        readonly scopes: readonly string[];
        readonly browser?: { readonly clientId: string; readonly clientSecret?: string } | undefined;
      }
    | undefined;
}

const TIMEOUT_SECONDS = 10;

/** Signs browsers in by OpenID Connect's code flow. Who somebody is says their ID token, as any token of that issuer does. */
export function openOidcSignIn(
  issuers: readonly SignInIssuer[],
  identities: IdentityProviders,
): BrowserSignIn & { circuits(): readonly Circuit[] } {
  const places = new Map(
    issuers.flatMap(({ issuer, signIn }) => {
      if (signIn?.browser === undefined) {
        return [];
      }
      const { name, label = name, scopes, browser } = signIn;
      return [[name, new Place({ issuer, name, label, scopes, ...browser })] as const];
    }),
  );
  return {
    places: [...places.values()].map(({ name, label }) => ({ name, label })),
    circuits: () => [...places.values()].map(({ breaker }) => breaker.circuit),
    begin: async (name, redirectUri) => places.get(name)?.begin(redirectUri),
    async complete(pending, cameBackTo) {
      const token = await places.get(pending.place)?.complete(pending, cameBackTo);
      return token === undefined ? undefined : identities.verify(token);
    },
  };
}

interface PlaceSettings {
  readonly issuer: string;
  readonly name: string;
  readonly label: string;
  readonly scopes: readonly string[];
  readonly clientId: string;
  readonly clientSecret?: string;
}

class Place {
  readonly name: string;
  readonly label: string;
  readonly breaker: CircuitBreaker;
  readonly #settings: PlaceSettings;
  #found: Promise<client.Configuration> | undefined;

  constructor(settings: PlaceSettings) {
    this.name = settings.name;
    this.label = settings.label;
    this.#settings = settings;
    this.breaker = new CircuitBreaker({ dependency: () => `sign-in at ${settings.issuer}`, isFailure: (error) => !isRefusal(error) });
  }

  begin(redirectUri: string): ReturnType<BrowserSignIn["begin"]> {
    return this.#ask(async (provider) => {
      const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
      const url = client.buildAuthorizationUrl(provider, {
        redirect_uri: redirectUri,
        // What renews tokens is of no use to a session that asks for none.
        scope: this.#settings.scopes.filter((scope) => scope !== "offline_access").join(" "),
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      return { url: url.href, pending: { place: this.name, redirectUri, state, nonce, verifier } };
    });
  }

  /** @returns the ID token of whom the provider lets in */
  async complete({ state, nonce, verifier }: PendingSignIn, cameBackTo: URL): Promise<string | undefined> {
    try {
      return await this.#ask(async (provider) => {
        const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
        return (await client.authorizationCodeGrant(provider, cameBackTo, checks)).id_token;
      });
    } catch (error) {
      if (isRefusal(error)) {
        return undefined;
      }
      throw error;
    }
  }

  async #ask<T>(work: (provider: client.Configuration) => Promise<T>): Promise<T> {
    try {
      return await this.breaker.run(async () => work(await this.#find()));
    } catch (error) {
      if (isRefusal(error)) {
        throw error;
      }
      throw new ClawError("service.unavailable", `the identity provider '${this.#settings.issuer}' can't be reached; try again`, {
        cause: error,
      });
    }
  }

  /** Found once; what failed is tried again by the next. */
  #find(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    const isInClear = new URL(issuer).protocol === "http:";
    this.#found ??= client
      .discovery(new URL(issuer), clientId, clientSecret, clientSecret === undefined ? client.None() : undefined, {
        timeout: TIMEOUT_SECONDS,
        execute: isInClear ? [client.allowInsecureRequests] : [],
      })
      .catch((error: unknown) => {
        this.#found = undefined;
        throw error;
      });
    return this.#found;
  }
}

/** Whether it was answered, and the answer is no: to the person, to this client, or an answer that is not to what was asked. */
function isRefusal(error: unknown): boolean {
  if (error instanceof client.ResponseBodyError) {
    return error.status < 500;
  }
  if (error instanceof client.ClientError) {
    // What stands before a provider that is down answers with a page.
    return error.code !== "OAUTH_TIMEOUT" && !(error.cause instanceof Response && error.cause.status >= 500);
  }
  return error instanceof client.AuthorizationResponseError;
}
