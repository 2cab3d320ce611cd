import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { answer, refuse, startServer } from "./http-server.ts";

/** An identity provider's part that is asked by those who verify its tokens: discovery, and keys that can be rotated. */
export async function startIdentityProvider() {
  let keys: { kid: string; pair: Awaited<ReturnType<typeof generateKeyPair>> }[] = [];
  let isDown = false;
  const rotate = async () => {
    const kid = `key-${keys.length + 1}`;
    keys = [...keys, { kid, pair: await generateKeyPair("ES256", { extractable: true }) }];
  };
  await rotate();
  const server = await startServer(async (req, res) => {
    if (isDown) {
      return refuse(res, "service.unavailable");
    }
    if (req.path === "/.well-known/openid-configuration") {
      return answer(res, 200, { issuer: server.url, jwks_uri: `${server.url}/keys` });
    }
    const jwks = await Promise.all(
      keys.map(async ({ kid, pair }) => ({ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256", use: "sig" })),
    );
    return answer(res, 200, { keys: jwks });
  });
  return {
    url: server.url,
    requests: server.requests,
    rotate,
    /** Whether it answers no more. */
    setDown: (down: boolean) => {
      isDown = down;
    },
    publicKey: async () => exportJWK((keys.at(-1) as (typeof keys)[number]).pair.publicKey),
    /** A token by its newest key, good for five minutes. */
    sign: (claims: JWTPayload, header: { kid?: string; expiresIn?: string | number; audience?: string } = {}) => {
      const { kid, pair } = keys.at(-1) as (typeof keys)[number];
      return new SignJWT({ sub: "0001", ...claims })
        .setProtectedHeader({ alg: "ES256", kid: header.kid ?? kid })
        .setIssuer((claims.iss as string | undefined) ?? server.url)
        .setAudience(header.audience ?? "claw")
        .setIssuedAt()
        .setExpirationTime(header.expiresIn ?? "5 minutes")
        .sign(pair.privateKey);
    },
    stop: () => server[Symbol.asyncDispose](),
  };
}
