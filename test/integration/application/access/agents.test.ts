import { describe, it } from "vitest";
import type { InstanceId } from "../../../../sdk/contract/index.ts";
import { verifyAgent } from "../../../../service/application/access/verify-agent.ts";
import { agentTokenPurpose } from "../../../../service/domain/access/tokens.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const acme = app.as({ tenant: "acme" });
const tokenOf = (uid: string) => app.dependencies.cipher.derive(agentTokenPurpose(uid));
const isItself = (uid: string, token: string) => verifyAgent(app.dependencies, uid as InstanceId, token);

describe("an agent's token", () => {
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
});
