import type { Identity } from "./identity-providers.ts";

/** Where browsers sign in: an identity provider that this service is a client of. */
export interface SignInPlace {
  /** As addresses name it. */
  readonly name: string;
  /** As people read it. */
  readonly label: string;
}

/** What is known of a sign-in that has begun, until the browser is back: the browser keeps it, sealed. */
export interface PendingSignIn {
  readonly place: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** OpenID Connect's code flow with PKCE (RFC 6749, 7636, 9700). */
export interface BrowserSignIn {
  readonly places: readonly SignInPlace[];
  /** Where to send the browser. @throws {ClawError} `service.unavailable` while the provider can't be reached */
  begin(place: string, redirectUri: string): Promise<{ readonly url: string; readonly pending: PendingSignIn } | undefined>;
  /**
   * Who came back, by the address that the provider sent them to; undefined for whom the provider, or this service, does not let in.
   * @throws {ClawError} `service.unavailable` while the provider can't be reached
   */
  complete(pending: PendingSignIn, cameBackTo: URL): Promise<Identity | undefined>;
}
