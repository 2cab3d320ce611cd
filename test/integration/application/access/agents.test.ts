import { describe, it, onTestFinished } from "vitest";
import { listen } from "../../../../adapters/postgres/listen.ts";
import type { InstanceId } from "../../../../sdk/contract/index.ts";
import { renewAgentTokens } from "../../../../service/application/access/renew-agent-tokens.ts";
import { verifyAgent } from "../../../../service/application/access/verify-agent.ts";
import { agentTokenOf } from "../../../../service/domain/access/tokens.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const acme = app.as({ tenant: "acme" });
const tokenOf = (uid: string, number = 0) => agentTokenOf(uid, number, (purpose) => app.dependencies.cipher.derive(purpose));
const isItself = async (uid: string, token: string) => (await verifyAgent(app.dependencies, uid as InstanceId, token)) !== undefined;

const renew = () => renewAgentTokens(100, { ...app.dependencies, wake: () => undefined });
const age = (...names: readonly string[]) =>
  app.database.pool.query("update instances set agent_token_since = now() - interval '31 days' where name = any($1)", [names]);

describe("an agent's token", () => {
  it("is verified later than whatever was before, by a clock that was set back too", async ({ expect }) => {
    const { uid } = (await acme.instances.create(anEcho("ordered"))).metadata;
    const verified = async () => (await verifyAgent(app.dependencies, uid as InstanceId, tokenOf(uid))) ?? "";
    const [first, second] = [await verified(), await verified()];
    expect(second > first).toBe(true);
    await app.database.pool.query(`update instances set agent = '{"connectedAt":"2099-01-01T00:00:00.000001Z"}' where id = $1`, [uid]);
    expect(await verified()).toBe("2099-01-01T00:00:00.000002Z");
  });

  it("is its own instance's, as long as there is that instance", async ({ expect }) => {
    const [one, other] = [await acme.instances.create(anEcho("one")), await acme.instances.create(anEcho("other"))];
    const { uid } = one.metadata;
    await app.settle();
    expect(await isItself(uid, tokenOf(uid))).toBe(true);
    expect(await isItself(other.metadata.uid, tokenOf(uid))).toBe(false);
    expect(await isItself(uid, "")).toBe(false);
    await acme.instances.delete(uid);
    await app.settle();
    expect(await isItself(uid, tokenOf(uid))).toBe(false);
  });

  it("is renewed once it is old, and those before are no good as soon as its agent has come with the new one", async ({ expect }) => {
    const { uid } = (await acme.instances.create(anEcho("renewed"))).metadata;
    await acme.instances.create(anEcho("young"));
    await acme.instances.create(anEcho("stopped", { running: false }));
    await app.settle();
    expect(await renew()).toBe(0);
    await age("renewed", "stopped");
    expect(await renew()).toBe(1);
    expect((await acme.instances.get("renewed")).metadata.generation).toBe(2);
    expect((await acme.instances.events("renewed", {})).items[0]).toMatchObject({ message: "another token for its agent" });
    // It was not handed the new one yet.
    await age("renewed");
    expect(await renew()).toBe(0);
    expect(await isItself(uid, tokenOf(uid))).toBe(true);

    const heard: string[] = [];
    const others = listen(app.database.url, {
      onWork() {},
      onChange() {},
      onBegin: () => heard.push("begun"),
      onAgent: (id) => heard.push(id),
    });
    onTestFinished(others.close);
    await expect.poll(() => heard).toEqual(["begun"]);
    expect(await isItself(uid, tokenOf(uid, 1))).toBe(true);
    await expect.poll(() => heard).toEqual(["begun", uid]);
    expect(await isItself(uid, tokenOf(uid))).toBe(false);
    expect(await isItself(uid, `1.${tokenOf(uid)}`)).toBe(false);
    await age("renewed");
    expect(await renew()).toBe(1);
  });

  it("is renewed by a restart", async ({ expect }) => {
    const { uid } = (await acme.instances.create(anEcho("leaked"))).metadata;
    await acme.instances.restart("leaked");
    await acme.instances.restart("leaked");
    await app.settle();
    expect(await isItself(uid, tokenOf(uid, 1))).toBe(true);
    expect(await isItself(uid, tokenOf(uid))).toBe(false);
  });

  it("that is newer than the database knows of, which was put back to an earlier state, is good, and those before it are not", async ({
    expect,
  }) => {
    const { uid } = (await acme.instances.create(anEcho("ahead"))).metadata;
    expect(await isItself(uid, tokenOf(uid, 7))).toBe(true);
    expect(await isItself(uid, tokenOf(uid, 6))).toBe(false);
    await age("ahead");
    expect(await renew()).toBe(1);
    expect(await isItself(uid, tokenOf(uid, 8))).toBe(true);
  });
});
