import { describe, it } from "vitest";
import { CAPABILITIES, type CapabilityName } from "../../../../sdk/contract/index.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const supported = async (type: string): Promise<CapabilityName[]> =>
  (await claw.types.get(type)).capabilities.filter((each) => each.supported).map(({ name }) => name);

describe("what claws of a type can do", () => {
  it("is told in full: what they can't as well, and how they do what they can", async ({ expect }) => {
    const echo = await claw.types.get("echo");
    expect(echo.capabilities.map(({ name }) => name)).toEqual([...CAPABILITIES]);
    expect(echo.capabilities.filter(({ name }) => ["hot-reload", "upgrade"].includes(name))).toEqual([
      {
        name: "hot-reload",
        supported: true,
        detail: "it reads config.json again when that changes",
        keys: ["reply.prefix", "reply.wordDelayMs"],
      },
      { name: "upgrade", supported: false, detail: "not that its version can be changed" },
    ]);
    expect(await supported("OpenClawAdapter")).toEqual([...CAPABILITIES]);
    expect(await supported("NanoClaw")).toEqual(["health", "drain", "console"]);
  });

  it("is refused by name where they can't: nobody waits for an answer that never comes", async ({ expect }) => {
    await claw.instances.create(anEcho("talks"));
    await claw.instances.create({ ...anEcho("mute"), spec: { type: "NanoClaw", config: { overrides: [] } } });
    const to = (name: string) => ({ tenant: "acme", name, permission: "instances.chat" }) as const;
    await expect(app.target(to("talks"))).resolves.toMatchObject({ metadata: { name: "talks" } });
    await expect(app.target(to("mute"))).rejects.toMatchObject({
      code: "instance.unsupported",
      message: expect.stringContaining("has not the capability 'chat'"),
      issues: [{ path: "spec.type", fix: "see what its claws can do: claw types describe NanoClaw" }],
    });
    await expect(app.target({ ...to("mute"), permission: "instances.logs" })).resolves.toBeDefined();
  });

  it("of a type that is not there is refused with the nearest name", async ({ expect }) => {
    await expect(claw.types.get("ecko")).rejects.toMatchObject({
      code: "type.not_found",
      issues: [{ path: "id", fix: "did you mean 'Echo'?" }],
    });
  });
});
