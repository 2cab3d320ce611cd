import { randomBytes } from "node:crypto";
import { describe, it } from "vitest";
import { SecretCipherAes } from "../../../../adapters/identity/cipher.ts";
import type { Transactions } from "../../../../service/application/ports/transactions.ts";
import { resealStored } from "../../../../service/application/secrets/reseal.ts";
import { openLeaves } from "../../../../service/domain/sealed.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { aSetOfValues } from "../../../support/sample-requests.ts";

const SECRET = "hunter2-is-not-a-good-key";
const masterKey = new Uint8Array(randomBytes(32));
const app = await anApplication({ masterKey });
const { pool } = app.database;
const { transactions, types } = app.dependencies;
const cipher = new SecretCipherAes(masterKey);
await app.admin().tenants.create(aTenant("acme"));
await app.admin().clusters.create(aClusterManifest("far"));
const claw = app.as({ tenant: "acme" });

const generations = async (): Promise<Record<string, number>> =>
  Object.fromEntries((await pool.query("select name, generation from instances")).rows.map((row) => [row.name, row.generation]));

describe("secrets at rest", () => {
  it("are sealed where they stood in clear before, and rendered anew where no claw has to be started again for that", async ({
    expect,
  }) => {
    const variables = [{ name: "reply.prefix", type: "string", secret: true, default: SECRET }];
    await claw.configs.create(aTemplate("keyed", { variables }));
    await claw.configs.publish("keyed");
    const overrides = [{ key: "reply.prefix", value: `${SECRET}-too` }];
    const placement = { cluster: "far" };
    await claw.instances.create(anEcho("keeper", { config: { template: "keyed", overrides }, placement }));
    // Its secret is the template's alone.
    await claw.instances.create(anEcho("rest", { config: { template: "keyed" }, placement, running: false }));
    await claw.instances.create(anEcho("other", { placement, running: false }));
    await claw.values.create(aSetOfValues("former", [{ key: "environment.API_KEY", value: SECRET }]));
    await claw.values.delete("former");

    // As a version that did not seal them has left them.
    for (const table of ["instances", "config_templates", "config_versions", "former_config_values"]) {
      const { rows } = await pool.query(`select ctid::text as id, spec from ${table}`);
      for (const { id, spec } of rows) {
        await pool.query(`update ${table} set spec = $2 where ctid = $1::tid`, [id, JSON.stringify(openLeaves(spec, { cipher }))]);
      }
    }
    expect(await app.tablesWith(SECRET)).toEqual(["config_templates", "config_versions", "former_config_values", "instances"]);
    const before = await generations();
    expect(await resealStored({ transactions, types, cipher })).toEqual(["acme/keeper"]);
    expect(await app.tablesWith(SECRET)).toEqual([]);
    expect(await generations()).toEqual({ ...before, rest: Number(before["rest"]) + 1 });
  });

  it("are sealed by a new master key, whenever the work is cut off, and nothing of it is a change", async ({ expect }) => {
    const before = await generations();
    const rotating = new SecretCipherAes(new Uint8Array(randomBytes(32)), [masterKey]);
    let cuts = 0;
    for (let isDone = false; !isDone; cuts++) {
      // Killed after one transaction more each time: what is not committed is lost with it.
      let left = cuts;
      const mortal = <T>(run: () => Promise<T>) => (left-- > 0 ? run() : Promise.reject(new Error("killed")));
      const dying: Transactions = {
        ...transactions,
        platform: (work) => mortal(() => transactions.platform(work)),
        tenant: (id, work) => mortal(() => transactions.tenant(id, work)),
      };
      isDone = await resealStored({ transactions: dying, types, cipher: rotating }).then(
        () => true,
        (error: Error) => {
          expect(error.message).toBe("killed");
          return false;
        },
      );
    }
    expect(cuts).toBeGreaterThan(5);
    expect(await generations()).toEqual(before);
    expect(await app.tablesWith(cipher.keyId)).toEqual([]);
    expect(await app.tablesWith(rotating.keyId)).toContain("instances");
    expect(await app.tablesWith(SECRET)).toEqual([]);
  });
});
