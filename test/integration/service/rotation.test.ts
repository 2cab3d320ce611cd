import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Claw } from "../../../sdk/client/index.ts";
import { readEnvironment } from "../../../service/config/environment.ts";
import { type ControlPlane, startControlPlane } from "../../../service/control-plane.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) {
    await cleanUp();
  }
  await database.drop();
});

const masterKey = randomBytes(32).toString("base64");
/** A replica with a data folder of its own, as on another host. */
async function aReplica(settings: Readonly<Record<string, string>>): Promise<ControlPlane> {
  const dataDir = await mkdtemp(join(tmpdir(), "claw-rotation-"));
  const env = { CLAW_DATA_DIR: dataDir, CLAW_DATABASE_URL: database.url, CLAW_PORT: "0", CLAW_WORKERS: "1", CLAW_MASTER_KEY: masterKey };
  const replica = await startControlPlane(readEnvironment({ ...env, ...settings }), "0.0.0-test", pino({ level: "silent" }));
  cleanUps.push(async () => {
    await replica.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return replica;
}
/** Whether a token lets in, or the code of the refusal. */
const answers = (url: string, token: string) =>
  new Claw({ url, token }).tenants.list().then(
    () => true,
    (error: unknown) => (error as { code: string }).code,
  );

describe("a new administrator's token", () => {
  it("replaces the former at once, at every replica", async ({ expect }) => {
    const former = randomBytes(24).toString("hex");
    const first = await aReplica({ CLAW_ADMIN_TOKEN: former });
    expect(await answers(first.url, former)).toBe(true);
    const token = randomBytes(24).toString("hex");
    const second = await aReplica({ CLAW_ADMIN_TOKEN: token });
    for (const { url } of [first, second]) {
      expect([await answers(url, former), await answers(url, token)]).toEqual(["auth.unauthenticated", true]);
    }
  });
});
