import { randomBytes } from "node:crypto";
import { describe, it } from "vitest";
import { SecretCipherAes } from "../../../../adapters/identity/cipher.ts";
import { resetAdministrator } from "../../../../service/application/access/administrator.ts";
import { createAccess } from "../../../../service/application/access/authenticate.ts";
import { bootstrap } from "../../../../service/application/access/bootstrap.ts";
import { anApplication } from "../../../support/application.ts";

const app = await anApplication();
const { transactions } = app.database;
const cipher = new SecretCipherAes(new Uint8Array(randomBytes(32)));
const access = createAccess({ transactions, clock: () => new Date() });
const start = (given?: string) => bootstrap(transactions, cipher, given);
const comesIn = async (token = "") => (await access.authenticate(token, undefined))?.actor.subject;

describe("the administrator's token", () => {
  it("is new to one of the replicas that start together, and to nobody later", async ({ expect }) => {
    const starts = await Promise.all([start(), start(), start()]);
    expect(starts.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(starts.map(({ token }) => token)).size).toBe(1);
    expect(await start()).toEqual({ token: starts[0]?.token, isNew: false });
    expect(await comesIn(starts[0]?.token)).toBe("admin");
  });

  it("is not retired by its holder, nor by anybody who may not do everything", async ({ expect }) => {
    await expect(app.admin().access.retireAdministrator()).rejects.toMatchObject({ code: "token.still_needed" });
    const reader = { apiVersion: "clusterclaw.io/v1", kind: "Role", metadata: { name: "givers" }, spec: { permissions: ["access.write"] } };
    await app.admin("default").roles.create(reader as never);
    await bind("givers", "gina");
    const gina = app.user({ tenant: "default", subject: "gina" });
    await expect(gina.access.retireAdministrator()).rejects.toMatchObject({ code: "token.still_needed" });
    expect(await comesIn((await start()).token)).toBe("admin");
  });

  it("is refused once somebody who may do everything retires it, after a start too", async ({ expect }) => {
    const { token } = await start();
    await bind("platform-admin", "paula");
    await app.user({ tenant: "default", subject: "paula" }).access.retireAdministrator();
    expect(await comesIn(token)).toBeUndefined();
    expect(await start()).toEqual({ token: undefined, isNew: false });
    expect(await comesIn(token)).toBeUndefined();
  });

  it("is another after a reset, and the former is refused", async ({ expect }) => {
    const former = await resetAdministrator(transactions, cipher);
    const token = await resetAdministrator(transactions, cipher);
    expect(await comesIn(former)).toBeUndefined();
    expect(await comesIn(token)).toBe("admin");
    expect(await start()).toEqual({ token, isNew: false });
  });

  it("of the settings replaces one of our own, and stays retired until they name another", async ({ expect }) => {
    const own = (await start()).token;
    await start("given-by-the-settings");
    expect([await comesIn(own), await comesIn("given-by-the-settings")]).toEqual([undefined, "admin"]);
    await app.user({ tenant: "default", subject: "paula" }).access.retireAdministrator();
    expect(await start("given-by-the-settings")).toEqual({ token: undefined, isNew: false });
    expect((await start("another-of-the-settings")).token).toBe("another-of-the-settings");
    expect(await comesIn("another-of-the-settings")).toBe("admin");
  });
});

function bind(role: string, name: string) {
  const spec = { role, at: "platform" as const, subjects: [{ kind: "User" as const, name }] };
  return app.admin("default").roleBindings.create({ apiVersion: "clusterclaw.io/v1", kind: "RoleBinding", metadata: { name }, spec });
}
