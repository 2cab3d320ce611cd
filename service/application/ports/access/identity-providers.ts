/** Somebody whom an identity provider vouches for. */
export interface Identity {
  /** As bindings name them: with their provider's prefix. */
  readonly name: string;
  readonly groups: readonly string[];
  /** Who vouches for them, by address. */
  readonly issuer: string;
  /** How long what they showed holds. */
  readonly until: string;
}

/** The identity providers of the company. */
export interface IdentityProviders {
  /**
   * Whom a signed token is about; undefined for one that none of the providers has signed for us, or that holds no more, or not yet.
   * @throws {ClawError} `service.unavailable` while a provider's keys can't be had
   */
  verify(token: string): Promise<Identity | undefined>;
  /** Whether that one is among them still: who was signed in by one that was taken out is signed in no more. */
  trusts(issuer: string): boolean;
}
