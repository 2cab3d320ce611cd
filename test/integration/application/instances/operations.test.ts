import { describe, it } from "vitest";
import type { InstanceOperation } from "../../../../sdk/contract/index.ts";
import { OperationLostError } from "../../../../service/application/ports/stacks/stack-operations.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const operationsOf = async (name: string) => (await claw.instances.operations(name)).items;
const told = ({ kind, generation, state, resources }: InstanceOperation) =>
  `${kind} ${generation} ${state}: ${[...new Set(resources.map((resource) => `${resource.op} ${resource.state}`))]}`;

describe("the operations of an instance", () => {
  it("are seen while they run and after, the newest five of its own", async ({ expect }) => {
    await claw.instances.create(anEcho("followed"));
    await claw.instances.create(anEcho("other"));
    const seen: string[] = [];
    app.stacks.meanwhile(async () => {
      await expect.poll(() => operationsOf("followed")).toHaveLength(1);
      seen.push(...(await operationsOf("followed")).map(told));
    });
    await app.settle();
    expect(seen).toEqual(["apply 1 running: create running"]);
    const [made] = await operationsOf("followed");
    expect(made && told(made)).toBe("apply 1 succeeded: create done");
    expect(made?.endedAt).toBeDefined();
    expect(made?.resources.every(({ name }) => name.startsWith("followed-"))).toBe(true);
    for (let generation = 2; generation <= 6; generation++) {
      await claw.instances.restart("followed");
      await app.settle();
    }
    const all = await operationsOf("followed");
    expect(all.map(({ generation }) => generation)).toEqual([6, 5, 4, 3, 2]);
    expect(await operationsOf("other")).toHaveLength(1);
    await claw.instances.delete("followed", { purgeData: true });
    await app.settle();
    expect(await app.tablesWith(made?.id ?? "")).toEqual([]);
  });

  it("say what failed, and are none while the stack is somebody else's", async ({ expect }) => {
    await claw.instances.create(anEcho("failing"));
    app.stacks.lock("acme");
    await app.settle();
    expect(await operationsOf("failing")).toEqual([]);
    await app.stacks.unlock({ tenantId: "", stack: "acme" });
    app.stacks.fail("failing", { message: "no room", reason: "NoSpace" });
    await app.pass(60);
    await app.settle();
    const [failed] = await operationsOf("failing");
    expect(failed && told(failed)).toBe("apply 1 failed: create failed");
    expect(JSON.stringify(failed)).not.toContain("no room");
    app.stacks.mend("failing");
  });

  it("are interrupted when whoever ran them has died, or gives no sign of life", async ({ expect }) => {
    await claw.instances.create(anEcho("cut"));
    app.stacks.meanwhile(async () => {
      throw new OperationLostError("SIGKILL");
    });
    await app.settle();
    const [cut] = await operationsOf("cut");
    expect(cut && told(cut)).toBe("apply 1 interrupted: create interrupted");

    await app.pass(60);
    app.stacks.meanwhile(async () => {
      await expect.poll(async () => (await operationsOf("cut"))[0]?.state).toBe("running");
      const age = `update instance_operations set seen_at = now() - interval '31 seconds' where state = 'running'`;
      await app.database.pool.query(age);
      const [silent] = await operationsOf("cut");
      expect(silent && told(silent)).toBe("apply 1 interrupted: same interrupted");
    });
    await app.settle();
    expect((await operationsOf("cut"))[0]?.state).toBe("succeeded");
  });
});
