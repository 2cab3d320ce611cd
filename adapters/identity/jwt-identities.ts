import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { ClawError, SubjectNameSchema } from "../../sdk/contract/index.ts";
import type { Identity, IdentityProviders } from "../../service/application/ports/access/identity-providers.ts";
import { type Circuit, CircuitBreaker } from "../../service/domain/circuit-breaker.ts";

/** A provider, and how its tokens name people. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly usernameClaim: string;
  readonly groupsClaim: string;
  readonly prefix: string;
  readonly jwksUri?: string | undefined;
  readonly algorithms: readonly string[];
}

const FETCH_TIMEOUT_MS = 5_000;
/** A key that is not known is asked for, but not more often than this: anybody can make up key ids. */
const COOLDOWN_MS = 30_000;
/** Keys that a provider has withdrawn are trusted no longer than this. */
const KEYS_AGE_MS = 10 * 60_000;
const CLOCK_TOLERANCE_SECONDS = 30;
const GROUPS_MAX = 500;
const DISCOVERY_BYTES_MAX = 256 * 1024;

type Keys = ReturnType<typeof createRemoteJWKSet>;

/** Identities by JSON Web Tokens that a provider has signed (RFC 7519, 8725): issuer, audience, times and algorithm are pinned by settings. */
export function openJwtIdentities(issuers: readonly TrustedIssuer[]): IdentityProviders & { circuits(): readonly Circuit[] } {
  const providers = new Map(issuers.map((issuer) => [issuer.issuer, new Provider(issuer)]));
  return {
    circuits: () => [...providers.values()].map(({ breaker }) => breaker.circuit),
    trusts: (issuer) => providers.has(issuer),
    async verify(token) {
      const provider = providers.get(issuerOf(token) ?? "");
      return provider?.verify(token);
    },
  };
}

/** Said by the token itself: only which provider's keys to try. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

class Provider {
  readonly breaker: CircuitBreaker;
  readonly #trusted: TrustedIssuer;
  #keys: Promise<Keys> | undefined;

  constructor(trusted: TrustedIssuer) {
    this.#trusted = trusted;
    this.breaker = new CircuitBreaker({ dependency: () => `identity provider ${trusted.issuer}`, isFailure: (error) => !isRefusal(error) });
  }

  async verify(token: string): Promise<Identity | undefined> {
    const { issuer, audiences, algorithms } = this.#trusted;
    try {
      const { payload } = await this.breaker.run(async () =>
        jwtVerify(token, await this.#findKeys(), {
          issuer,
          audience: [...audiences],
          algorithms: [...algorithms],
          requiredClaims: ["exp", "sub"],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
        }),
      );
      return this.#identityOf(payload);
    } catch (error) {
      if (isRefusal(error)) {
        return undefined;
      }
      throw new ClawError("service.unavailable", `the keys of the identity provider '${issuer}' can't be had; try again`, { cause: error });
    }
  }

  /** Found once; what failed is tried again by the next. */
  #findKeys(): Promise<Keys> {
    this.#keys ??= this.#openKeys().catch((error: unknown) => {
      this.#keys = undefined;
      throw error;
    });
    return this.#keys;
  }

  async #openKeys(): Promise<Keys> {
    const { issuer, jwksUri = await discoverKeys(issuer) } = this.#trusted;
    return createRemoteJWKSet(new URL(jwksUri), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: KEYS_AGE_MS,
    });
  }

  #identityOf(payload: JWTPayload): Identity | undefined {
    const { issuer, usernameClaim, groupsClaim, prefix } = this.#trusted;
    const name = claimAt(payload, usernameClaim);
    if (typeof name !== "string" || (usernameClaim === "email" && payload["email_verified"] !== true)) {
      return undefined;
    }
    const listed = claimAt(payload, groupsClaim);
    const groups = (Array.isArray(listed) ? listed : [listed]).filter((group) => isName(group)).slice(0, GROUPS_MAX);
    if (!isName(`${prefix}${name}`)) {
      return undefined;
    }
    const until = new Date((payload.exp ?? 0) * 1000).toISOString();
    return { name: `${prefix}${name}`, groups: groups.map((group) => `${prefix}${group}`), issuer, until };
  }
}

function isName(value: unknown): value is string {
  return SubjectNameSchema.safeParse(value).success;
}

/** A claim by its name, or by a path: some providers nest theirs. */
function claimAt(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) {
    return payload[path];
  }
  return path
    .split(".")
    .reduce<unknown>(
      (value, name) =>
        typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined,
      payload,
    );
}

/** Whether an error says something of the token, and not of the way to the keys. */
function isRefusal(error: unknown): boolean {
  const isAboutKeys = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  return error instanceof errors.JOSEError && error.code !== "ERR_JOSE_GENERIC" && !isAboutKeys;
}

async function discoverKeys(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    redirect: "error",
  });
  const text = await response.text();
  if (!response.ok || text.length > DISCOVERY_BYTES_MAX) {
    throw new Error(`the discovery document of '${issuer}' was answered with status ${response.status}`);
  }
  const { issuer: named, jwks_uri: keys } = JSON.parse(text) as { issuer?: unknown; jwks_uri?: unknown };
  if (named !== issuer || typeof keys !== "string" || !URL.canParse(keys)) {
    throw new Error(`the discovery document of '${issuer}' is another issuer's, or names no keys`);
  }
  return keys;
}
