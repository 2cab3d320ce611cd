import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SignJWT, UnsecuredJWT } from "jose";
import { afterAll, describe, it } from "vitest";
import { openJwtIdentities } from "../../../../adapters/identity/jwt-identities.ts";
import { createAccess } from "../../../../service/application/access/authenticate.ts";
import { readIssuers, signInOf } from "../../../../service/config/issuers.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { tempDir } from "../../../support/cli.ts";
import { startIdentityProvider } from "../../../support/identity-provider.ts";
import { aRoleBinding } from "../../../support/sample-requests.ts";

const app = await anApplication();
const provider = await startIdentityProvider();
afterAll(() => provider.stop());

const issuersIn = async (yaml: string) => {
  const path = join(await tempDir(), "issuers.yaml");
  await writeFile(path, yaml);
  return readIssuers(path);
};
const settings = `{ issuer: "${provider.url}", audiences: [claw], usernameClaim: email, groupsClaim: realm_access.roles, prefix: "corp:" }`;
const trusted = await issuersIn(`issuers: [${settings}]`);
const providers = openJwtIdentities("issuers" in trusted ? trusted.issuers : []);
const access = createAccess({ ...app.dependencies, providers });

const alice = { email: "alice@example.com", email_verified: true, realm_access: { roles: ["web-team", 7, ""] } };
const whoIs = async (token: string) => (await access.authenticate(token, undefined))?.actor.subject;

describe("a token of an identity provider", () => {
  it("says who somebody is, and bindings of the person and their groups what they may do", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("acme", { admins: ["group:corp:owners"] }));
    await app.admin().tenants.create(aTenant("beta"));
    const subjects = [{ kind: "Group" as const, name: "corp:web-team" }];
    await app.admin("acme").roleBindings.create({ ...aRoleBinding("web"), spec: { role: "viewer", subjects } });

    const admitted = await access.authenticate(await provider.sign(alice), undefined);
    // Named in one tenant alone, which need not be said.
    expect(admitted).toMatchObject({ actor: { subject: "corp:alice@example.com", groups: ["corp:web-team"] }, tenant: { name: "acme" } });
    expect([...(admitted?.actor.grants.tenant ?? [])]).toContain("instances.logs");
    expect((await access.authenticate(await provider.sign(alice), "beta"))?.tenant).toBeUndefined();
    const owner = await provider.sign({ ...alice, realm_access: { roles: ["owners"] } });
    expect([...((await access.authenticate(owner, "acme"))?.actor.grants.tenant ?? [])]).toContain("access.write");
  });

  it("is nobody's when anything of it is not as the settings say", async ({ expect }) => {
    const good = await provider.sign(alice);
    expect(await whoIs(good)).toBe("corp:alice@example.com");
    const [header = "", payload = "", signature = ""] = good.split(".");
    const other = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, "base64url").toString()), email: "boss@example.com" }));
    // The public key taken for a shared secret: what a verifier that believes the header would accept.
    const confused = new SignJWT(alice).setProtectedHeader({ alg: "HS256", kid: "key-1" }).setIssuer(provider.url).setAudience("claw");
    const secret = Buffer.from(JSON.stringify(await provider.publicKey()));
    const bad = {
      "another's words": [header, other.toString("base64url"), signature].join("."),
      "no signature": new UnsecuredJWT({ ...alice, sub: "1" }).setIssuer(provider.url).setAudience("claw").setExpirationTime("1h").encode(),
      "another algorithm": await confused.setExpirationTime("1h").setSubject("1").sign(secret),
      "another audience": await provider.sign(alice, { audience: "another" }),
      "another issuer": await provider.sign({ ...alice, iss: "https://login.example.org" }),
      expired: await provider.sign(alice, { expiresIn: Math.floor(Date.now() / 1000) - 60 }),
      "not yet": await provider.sign({ ...alice, nbf: Math.floor(Date.now() / 1000) + 120 }),
      "an address that nobody verified": await provider.sign({ ...alice, email_verified: false }),
      "no name": await provider.sign({ email_verified: true }),
      "a name of control characters": await provider.sign({ ...alice, email: "a\u0000b" }),
    };
    for (const [what, token] of Object.entries(bad)) {
      expect([what, await whoIs(token)]).toEqual([what, undefined]);
    }
  });

  it("is verified by a key that its provider has only just begun to use, and made-up keys are not asked for again and again", async ({
    expect,
  }) => {
    const fresh = openJwtIdentities("issuers" in trusted ? trusted.issuers : []);
    await provider.rotate();
    expect(await fresh.verify(await provider.sign(alice))).toMatchObject({ name: "corp:alice@example.com" });
    const before = provider.requests.length;
    for (let guess = 0; guess < 20; guess++) {
      expect(await fresh.verify(await provider.sign(alice, { kid: `made-up-${guess}` }))).toBeUndefined();
    }
    expect(provider.requests.length - before).toBeLessThanOrEqual(1);
  });

  it("can't be judged while its provider does not answer, which is no refusal; the keys that are known do meanwhile", async ({
    expect,
  }) => {
    const token = await provider.sign(alice);
    provider.setDown(true);
    const fresh = openJwtIdentities("issuers" in trusted ? trusted.issuers : []);
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(fresh.verify(token)).rejects.toMatchObject({ code: "service.unavailable" });
    }
    expect(fresh.circuits()).toMatchObject([{ state: "open", dependency: expect.stringContaining(provider.url) }]);
    provider.setDown(false);
  });
});

describe("a provider that lets people choose their names", () => {
  it("gives nobody the name of an administrator, a machine or the control plane, by which records know them", async ({ expect }) => {
    const read = await issuersIn(`issuers: [{ issuer: "${provider.url}", audiences: [claw], usernameClaim: nickname }]`);
    const open = createAccess({ ...app.dependencies, providers: openJwtIdentities("issuers" in read ? read.issuers : []) });
    const names = ["admin", "Admin", "anonymous", "serviceaccount:acme/ci", "cluster:east", "drift:kubectl", "mallory"];
    const known = [];
    for (const nickname of names) {
      known.push((await open.authenticate(await provider.sign({ nickname }), undefined))?.actor.subject);
    }
    expect(known).toEqual([...names.slice(0, -1).map(() => undefined), "mallory"]);
  });
});

const ISSUER = `issuer: "https://a.example.com", audiences: [claw]`;
const signInAs = (signIn: string) => `issuers: [{ ${ISSUER}, signIn: ${signIn} }]`;

describe("the settings of identity providers", () => {
  it("say how people sign in, and hold a client's secret in a file of its own", async ({ expect }) => {
    const secretFile = join(await tempDir(), "secret");
    await writeFile(secretFile, "s3cret\n");
    const browser = `browser: { clientId: claw, clientSecretFile: ${secretFile} }`;
    const read = await issuersIn(signInAs(`{ name: corp, label: Example Corp, cli: { clientId: claw }, ${browser} }`));
    const issuers = "issuers" in read ? read.issuers : [];
    expect(issuers[0]?.signIn?.browser).toEqual({ clientId: "claw", clientSecret: "s3cret" });
    const scopes = ["openid", "profile", "email", "offline_access"];
    const cli = { issuer: "https://a.example.com", clientId: "claw", scopes };
    expect(signInOf(issuers)).toEqual([{ name: "corp", label: "Example Corp", cli, browser: true }]);
  });

  it.for([
    ["issuers: []", "issuers"],
    ["issuers: [", ""],
    [`issuers: [{ issuer: "http://login.example.com", audiences: [claw] }]`, "issuers[0].issuer"],
    [`issuers: [{ issuer: "https://a.example.com", audiences: [] }]`, "issuers[0].audiences"],
    [`issuers: [{ issuer: "https://a.example.com", audiences: [claw], algorithms: [HS256] }]`, "issuers[0].algorithms[0]"],
    [
      `issuers: [{ issuer: "https://a.example.com", audiences: [claw] }, { issuer: "https://b.example.com", audiences: [claw], prefix: "b:" }]`,
      "issuers[1].prefix",
    ],
    [signInAs("{ name: corp }"), "issuers[0].signIn"],
    [signInAs("{ name: Corp, cli: { clientId: claw } }"), "issuers[0].signIn.name"],
    [signInAs("{ name: corp, cli: { clientId: another } }"), "issuers[0].signIn.cli.clientId"],
    [signInAs("{ name: corp, browser: { clientId: another } }"), "issuers[0].signIn.browser.clientId"],
    [signInAs("{ name: corp, cli: { clientId: claw }, scopes: [email] }"), "issuers[0].signIn.scopes"],
    [signInAs("{ name: corp, cli: { clientId: claw, clientSecret: x } }"), "issuers[0].signIn.cli.clientSecret"],
    [signInAs("{ name: corp, browser: { clientId: claw, clientSecretFile: secret } }"), "issuers[0].signIn.browser.clientSecretFile"],
    [signInAs("{ name: corp, browser: { clientId: claw, clientSecretFile: /nowhere } }"), "issuers[0].signIn.browser.clientSecretFile"],
    [
      `issuers: [{ ${ISSUER}, prefix: "a:", signIn: { name: corp, cli: { clientId: claw } } }, { issuer: "https://b.example.com", audiences: [claw], prefix: "b:", signIn: { name: corp, cli: { clientId: claw } } }]`,
      "issuers[1].signIn.name",
    ],
  ] as const)("are refused, by the field: %s", async ([yaml, path], { expect }) => {
    expect(await issuersIn(yaml)).toMatchObject({ issues: [{ path }] });
  });
});
