/** A data key as it is kept: what came of wrapping it, and the key-encryption key that did. */
export interface WrappedKey {
  /** The provider's name for the key-encryption key and its version: `local:1f2e3d4c`. */
  readonly wrappedBy: string;
  readonly wrapped: string;
}

/**
 * Has the key-encryption keys, and wraps the data keys that seal the secrets with them: a file, the environment, a key management service.
 * It is asked at starts and by `claw-server keys`, never by a request. For another one implement this, and name it in
 * `service/roots/control-plane/key-providers.ts`; a key-encryption key never needs to leave it.
 */
export interface KeyProvider {
  /** `file`, `env`, … */
  readonly name: string;
  /** The key-encryption key that wraps now. */
  current(): Promise<string>;
  wrap(key: Uint8Array): Promise<WrappedKey>;
  /** @throws {ClawError} `service.unavailable`, with what to give, for a key-encryption key that it does not have */
  unwrap(wrapped: WrappedKey): Promise<Uint8Array>;
  /** Wraps anew by the current version what a former one has wrapped, where the provider can without giving it out. */
  rewrap(wrapped: WrappedKey): Promise<WrappedKey>;
  /** Makes a new version, which wraps from then on. @throws {ClawError} `service.unavailable`, with what to do, where an operator makes it */
  rotate(): Promise<void>;
  /** Drops the versions that wrap nothing any more, where it is this provider that keeps them. */
  forget(inUse: readonly string[]): Promise<void>;
}
