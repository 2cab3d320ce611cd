import { createServer } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { exportJWK, generateKeyPair } from "jose";
import Provider, { type Configuration } from "oidc-provider";
import type { Page } from "playwright-core";
import { freePort } from "./free-port.ts";

/** Somebody whom the provider knows. */
export interface ProviderUser {
  readonly name: string;
  readonly email: string;
  /** @default true */
  readonly emailVerified?: boolean;
  readonly groups: readonly string[];
}

interface ProviderOptions {
  readonly users: readonly ProviderUser[];
  /** Where the provider sends browsers back to, of {@link WEB_CLIENT}. */
  readonly webRedirectUri?: string;
}

/** A public client of people's own machines: a redirect to any port of the loopback, the device flow, refresh tokens that rotate. */
export const NATIVE_CLIENT = "claw-cli";
/** A client that has a secret: the control plane's own. */
export const WEB_CLIENT = { id: "claw-web", secret: "web-client-secret-0123456789abcdef" } as const;

/**
 * A real OpenID provider (`oidc-provider`) on the loopback, in this process. It asks for a name alone, on a page without scripts: fill `input[name=login]`
 * with that of a user and press "Sign in", or "Refuse". Devices are let in at `/device`.
 */
export async function startOidcProvider({ users, webRedirectUri }: ProviderOptions) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  let tokenSeconds = 3600;
  const grants = ["authorization_code", "refresh_token"];
  const configuration: Configuration = {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "key-1", alg: "ES256", use: "sig" }] },
    cookies: { keys: ["not a secret: it lives as long as one test"] },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    clients: [
      {
        client_id: NATIVE_CLIENT,
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: [...grants, "urn:ietf:params:oauth:grant-type:device_code"],
        id_token_signed_response_alg: "ES256",
      },
      ...(webRedirectUri === undefined
        ? []
        : [
            {
              client_id: WEB_CLIENT.id,
              client_secret: WEB_CLIENT.secret,
              redirect_uris: [webRedirectUri],
              grant_types: grants,
              id_token_signed_response_alg: "ES256" as const,
            },
          ]),
    ],
    scopes: ["openid", "offline_access", "profile", "email", "groups"],
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], groups: ["groups"] },
    // As most providers do: what the scopes give is in the ID token itself.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    expiresWithSession: async () => false,
    ttl: {
      AccessToken: 3600,
      IdToken: () => tokenSeconds,
      RefreshToken: 86_400,
      DeviceCode: 600,
      Grant: 86_400,
      Interaction: 600,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true, ...devicePages },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
    },
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    findAccount: async (_ctx, id) => {
      const user = users.find(({ name }) => name === id);
      if (!user) {
        return undefined;
      }
      const { name, email, emailVerified = true, groups } = user;
      return { accountId: id, claims: async () => ({ sub: id, name, email, email_verified: emailVerified, groups: [...groups] }) };
    },
    // Whoever has signed in has agreed: nothing is asked twice.
    async loadExistingGrant({ oidc: { client, session, params } }) {
      const grant = new provider.Grant({ clientId: client?.clientId ?? "", accountId: session?.accountId ?? "" });
      grant.addOIDCScope(String(params?.["scope"] ?? ""));
      await grant.save();
      return grant;
    },
  };
  const provider = new Provider(url, configuration);
  const refreshTokens: Destroyable[] = [];
  provider.on("refresh_token.saved", (token) => refreshTokens.push(token));
  const grantsAsked: string[] = [];
  const note = ({ oidc }: { oidc: { params?: Record<string, unknown> | undefined } }, outcome: string) =>
    grantsAsked.push(`${String(oidc.params?.["grant_type"]).split(":").at(-1)} ${outcome}`);
  provider.on("grant.success", (ctx) => note(ctx, "given"));
  provider.on("grant.error", (ctx, error) => note(ctx, error.error));
  const revoked: string[] = [];
  provider.on("grant.revoked", (_ctx, grantId) => revoked.push(grantId));

  const answer = provider.callback();
  let isDown = false;
  const server = createServer(async (req, res) => {
    if (isDown) {
      // As a proxy before it does.
      res.writeHead(503, { "content-type": "text/html" }).end("<h1>Service Unavailable</h1>");
      return;
    }
    if (!req.url?.startsWith("/sign-in/")) {
      answer(req, res);
      return;
    }
    if (req.method === "GET") {
      res.setHeader("content-type", "text/html; charset=utf-8").end(PAGE);
      return;
    }
    const form = new URLSearchParams(await textOf(req));
    const accountId = form.get("login") ?? "";
    const isKnown = users.some(({ name }) => name === accountId) && !form.has("refuse");
    const result = isKnown ? { login: { accountId }, consent: {} } : { error: "access_denied", error_description: "they said no" };
    await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
  });
  await new Promise<void>((resolve) => server.listen(Number(new URL(url).port), "127.0.0.1", resolve));
  return {
    /** Its `iss`. */
    url,
    /** What its token endpoint was asked, and answered, in order: `refresh_token given`. */
    grants: grantsAsked,
    /** Grants that were revoked: by a client, or because a refresh token was used twice. */
    revoked,
    /** Whether it answers no more. */
    setDown: (down: boolean) => {
      isDown = down;
    },
    /** How long ID tokens are good for from now on; an hour at first. */
    setTokenSeconds: (seconds: number) => {
      tokenSeconds = seconds;
    },
    /** Refuses every refresh token that was given out until now. */
    async forgetRefreshTokens() {
      await Promise.all(refreshTokens.splice(0).map((token) => token.destroy()));
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Opens an address of the provider's in a browser and signs in there as somebody. It comes back where the provider sends it. */
export async function signInOn(page: Page, url: string, name: string): Promise<void> {
  await page.goto(url);
  await page.fill("input[name=login]", name);
  await page.click("text=Sign in");
}

interface Destroyable {
  destroy(): Promise<void>;
}

/** Without the style sheets of others, which its own pages fetch. */
const devicePages = {
  userCodeInputSource: async (ctx: { body: unknown }, form: string) => {
    ctx.body = `<!doctype html><title>Device</title>${form}<button form="op.deviceInputForm">Continue</button>`;
  },
  userCodeConfirmSource: async (ctx: { body: unknown }, form: string, _client: unknown, _device: unknown, code: string) => {
    ctx.body = `<!doctype html><title>Confirm</title>${form}<code>${code}</code><button form="op.deviceConfirmForm">Confirm</button>
<button form="op.deviceConfirmForm" name="abort" value="yes">Abort</button>`;
  },
  successSource: async (ctx: { body: unknown }) => {
    ctx.body = "<!doctype html><title>Done</title><h1>The device is signed in</h1>";
  },
};

const PAGE = `<!doctype html><title>Sign in</title><form method="post"><input name="login" autofocus>
<button>Sign in</button> <button name="refuse" value="yes">Refuse</button></form>`;
