import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Claw } from "../../../sdk/client/index.ts";
import { startChromium } from "../../support/chromium.ts";
import { tempDir } from "../../support/cli.ts";
import { freePort } from "../../support/free-port.ts";
import { NATIVE_CLIENT, signInOn, startOidcProvider, WEB_CLIENT } from "../../support/oidc-provider.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const redirectUri = `http://127.0.0.1:${await freePort()}/callback`;
const alice = { name: "alice", email: "alice@example.com", groups: ["web-team"] };
let provider: Awaited<ReturnType<typeof startOidcProvider>>;
let service: TestService;

beforeAll(async () => {
  provider = await startOidcProvider({ users: [alice], webRedirectUri: redirectUri });
  const dir = await tempDir();
  const secretFile = join(dir, "secret");
  await writeFile(secretFile, WEB_CLIENT.secret);
  const signIn = {
    name: "corp",
    label: "Example Corp",
    scopes: ["openid", "email", "groups"],
    cli: { clientId: NATIVE_CLIENT },
    browser: { clientId: WEB_CLIENT.id, clientSecretFile: secretFile },
  };
  const issuer = { issuer: provider.url, audiences: [NATIVE_CLIENT, WEB_CLIENT.id], usernameClaim: "email", prefix: "corp:", signIn };
  const path = join(dir, "issuers.yaml");
  await writeFile(path, JSON.stringify({ issuers: [issuer] }));
  service = await startTestService({ CLAW_ISSUERS: path });
});
afterAll(async () => {
  await service.stop();
  await provider.stop();
});

describe("GET /api/v1/sign-in", () => {
  it("tells anybody how to sign in, and no secret", async ({ expect }) => {
    const anybody = new Claw({ url: service.url, token: "" });
    const scopes = ["openid", "email", "groups"];
    const cli = { issuer: provider.url, clientId: NATIVE_CLIENT, scopes };
    expect(await anybody.access.signIn()).toEqual({ providers: [{ name: "corp", label: "Example Corp", cli, browser: true }] });
  });
});

describe("an ID token that a provider gave for a client of the settings", () => {
  it("says who somebody is, and in which groups", async ({ expect }) => {
    const { id, secret } = WEB_CLIENT;
    const config = await client.discovery(new URL(provider.url), id, secret, undefined, { execute: [client.allowInsecureRequests] });
    const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: "openid email groups",
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    const browser = await startChromium();
    const page = await browser.newPage();
    // Nobody listens there: where the browser is sent is all that matters.
    const returned = page.waitForRequest((request) => request.url().startsWith(redirectUri));
    await signInOn(page, url.href, alice.name);
    const callback = (await returned).url();
    await browser.close();
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    const { id_token: token } = await client.authorizationCodeGrant(config, new URL(callback), checks);
    expect(await new Claw({ url: service.url, token }).access.me()).toMatchObject({
      subject: "corp:alice@example.com",
      groups: ["corp:web-team"],
    });
  });
});
