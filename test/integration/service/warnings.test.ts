import { afterAll, beforeAll, describe, it } from "vitest";
import type { Claw } from "../../../sdk/client/index.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { runCli } from "../../support/cli.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const MESSAGE = 'fünf "große" Instanzen genügen\\nicht';

let service: TestService;
let acme: Claw;
const warned: string[] = [];

beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
  acme = service.claw("acme").withOptions({ onWarning: (text) => void warned.push(text) });
  const apiVersion = "clusterclaw.io/v1";
  const policy = (name: string, spec: object) => ({ apiVersion, kind: "Policy", metadata: { name }, spec }) as never;
  await acme.policies.create(policy("named", { mode: "warn", expression: "object.metadata.name.startsWith('a')", message: MESSAGE }));
  await acme.policies.create(policy("owned", { mode: "audit", rule: { name: "required-labels", value: "team" } }));
  await acme.policies.create(policy("few", { rule: { name: "max-replicas", value: "1" } }));
});
afterAll(() => service.stop());

const said = (name: string) =>
  `instance '${name}': ${MESSAGE} (policy 'named' of tenant 'acme'); change spec, or ask an administrator of tenant 'acme' to change the policy`;

describe("whoever writes what violates a policy that warns", () => {
  it("is told in the answer, in whatever language, and not of what is only audited", async ({ expect }) => {
    await acme.instances.create(anEcho("alpha"));
    expect(warned).toEqual([]);
    await acme.instances.create(anEcho("web"));
    expect(warned).toEqual([said("web")]);
    const { planId = "" } = await acme.previews.create({ manifests: Array.from({ length: 12 }, (_, n) => anEcho(`many-${n}`)) });
    expect(warned).toHaveLength(1);
    await acme.previews.apply(planId);
    expect(warned.slice(1)).toEqual([...Array.from({ length: 8 }, () => expect.stringMatching(/^instance 'many-\d+': /)), "and 4 more"]);
  });

  it("is told again when it repeats the write by its key: the first answer may have been lost", async ({ expect }) => {
    const repeat = () =>
      fetch(`${service.url}/api/v1/instances`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${service.adminToken}`,
          "content-type": "application/json",
          "idempotency-key": "again",
          "x-claw-tenant": "acme",
        },
        body: JSON.stringify(anEcho("repeated")),
      });
    const [first, second] = [await repeat(), await repeat()];
    expect([first.status, second.status, await second.json()]).toEqual([202, 202, await first.json()]);
    expect(first.headers.get("warning")).toContain("'repeated'");
    expect(second.headers.get("warning")).toBe(first.headers.get("warning"));
  });

  it("is told by the command line beside its output", async ({ expect }) => {
    const env = { CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" };
    const { code, stdout, stderr } = await runCli(["create", "told", "--type", "Echo", "-o", "name"], { url: service.url, env });
    expect([code, stdout]).toEqual([0, "instance/told\n"]);
    expect(stderr).toContain(`warning: ${said("told")}`);
  });
});

describe("GET /metrics", () => {
  it("counts records, refusals and what violates policies", async ({ expect }) => {
    const metrics = async () => {
      const response = await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${service.adminToken}` } });
      const lines = (await response.text()).split("\n").filter((line) => !line.startsWith("#"));
      return new Map(
        lines.map((line): [string, number] => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
      );
    };
    const violations = (policy: string, mode: string) => `claw_policy_violations_total{policy="${policy}",mode="${mode}"}`;
    const before = await metrics();
    const refused = acme.instances.create(anEcho("web-2", { replicas: 3 }));
    await expect(refused).rejects.toMatchObject({ code: "policy.denied" });
    await acme.instances.create(anEcho("web-3"));
    await acme.instances.create(anEcho("web-4"), { preview: true });
    const after = await metrics();
    const grown = [...after]
      .map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
      .filter(([name]) => /audit|policy/.test(name));
    expect(Object.fromEntries(grown)).toEqual({
      // The refusal, the creation, and what it violates by two policies.
      claw_audit_records_total: 4,
      'claw_audit_refusals_total{reason="policy.denied"}': 1,
      [violations("few", "enforce")]: 1,
      [violations("named", "warn")]: 1,
      [violations("owned", "audit")]: 1,
    });
  });
});
