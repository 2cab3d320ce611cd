import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { it } from "vitest";
import { anInstance, aTenant } from "../support/builders/manifests.ts";
import { openClawDir, softwareDir } from "../support/claws/open-claw-software.ts";
import { startPrivateRegistry } from "../support/private-registry.ts";
import { eventually, startTestService } from "../support/service.ts";

it("a declared Discord runs in the real OpenClaw, its plugin installed before it starts", { timeout: 600_000 }, async ({
  expect,
  onTestFinished,
}) => {
  await openClawDir();
  const service = await startTestService();
  onTestFinished(() => service.stop());
  mkdirSync(service.dataDir, { recursive: true });
  symlinkSync(softwareDir, join(service.dataDir, "software"));
  await service.claw().tenants.create(aTenant("acme"));
  const claw = service.claw("acme");
  // The company's registry wants a token.
  const registry = await startPrivateRegistry("the-token-of-npm");
  onTestFinished(() => registry.close());
  const npmrc = `registry=${registry.url}\n${registry.url.replace("http:", "")}:_authToken=\${NPM_TOKEN}`;
  const overrides = [
    { key: "channels.discord.token", value: "not-a-real-token" },
    { key: "environment.NPM_CONFIG_USERCONFIG", value: npmrc },
    { key: "environment.NPM_CONFIG_REGISTRY", value: registry.url },
    { key: "environment.NPM_TOKEN", value: "the-token-of-npm" },
  ];
  await claw.instances.create(anInstance("chat", { type: "OpenClaw", resources: { cpu: "1", memory: "2Gi" }, config: { overrides } }));
  await eventually(
    () => claw.instances.get("chat"),
    ({ status }) => status.conditions.some(({ type, status: is }) => type === "Ready" && is === "True"),
    500_000,
  );
  // Nobody lets it in there: that it tries is what tells a channel from a dead one.
  const logs = await eventually(
    async () => JSON.stringify(await claw.instances.logs("chat", { tailLines: 200 })),
    (text) => text.includes("[discord]"),
    60_000,
  );
  expect(logs).toContain("starting provider");
  expect(registry.refused()).toBe(0);
  const { status } = await claw.instances.get("chat");
  expect(status.conditions).toContainEqual(expect.objectContaining({ type: "ChannelsReady", message: expect.stringContaining("discord") }));
});
