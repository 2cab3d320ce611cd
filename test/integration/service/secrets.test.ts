import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

const SECRET = "hunter2-is-not-a-good-key";
let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(() => service.stop());

describe("a secret value", () => {
  it("is in no answer, preview, event or database row, and reaches the claw", async ({ expect }) => {
    const claw = service.claw("acme");
    const variables = [{ name: "reply.prefix", type: "string", required: true, secret: true, description: "A key" }];
    await claw.configs.create(aTemplate("keyed", { variables }));
    await claw.configs.publish("keyed");
    const config = { template: "keyed", overrides: [{ key: "reply.prefix", value: SECRET }] };
    const answers: unknown[] = [];
    answers.push(await claw.previews.create({ manifests: [anEcho("keeper", { config })] }));
    answers.push(await claw.instances.create(anEcho("keeper", { config })));
    answers.push(
      await eventually(
        () => claw.instances.get("keeper"),
        ({ status }) => status.phase === "Running" || status.phase === "Failed",
      ),
    );
    answers.push(await claw.instances.list(), await claw.instances.events("keeper", {}), await claw.configs.get("keyed"));
    answers.push(await claw.previews.create({ changes: [{ action: "restart", name: "keeper" }] }));
    expect(JSON.stringify(answers)).not.toContain(SECRET);
    expect(JSON.stringify(answers)).toContain("[secret]");
    expect(await tablesWith(SECRET)).toEqual([]);
  });

  it("is unchanged when its mask is sent back", async ({ expect }) => {
    const claw = service.claw("acme");
    const { metadata, spec } = await claw.instances.get("keeper");
    const answer = await claw.instances.replace("keeper", anEcho("keeper", spec));
    expect(answer).toMatchObject({ metadata: { generation: metadata.generation } });
  });
});

/** Tables that hold a text anywhere in a row. */
async function tablesWith(text: string): Promise<string[]> {
  const client = new Client(service.databaseUrl);
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      "select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    );
    const found = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query(`select 1 from ${name} t where strpos(to_jsonb(t)::text, $1) > 0 limit 1`, [text]);
      if (rows.length > 0) {
        found.push(name);
      }
    }
    return found;
  } finally {
    await client.end();
  }
}
