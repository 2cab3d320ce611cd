import { beforeAll, describe, it } from "vitest";
import { toSpec } from "../../adapters/providers/clusterclaw/process.ts";
import { instanceUrns } from "../../components/claw-instance/runtimes.ts";
import type { ProcessTarget, ResolvedInstance, StackIdentity } from "../../sdk/contract/index.ts";
import { digestOf } from "../../service/domain/digest.ts";
import { handings } from "../../service/roots/control-plane/handings.ts";
import { aResolvedInstance as anInstance } from "../support/builders/resolved-instance.ts";
import { evaluateTenant, mockEngine, secret, typeAndName } from "../support/mocked-program.ts";

const acme: StackIdentity = {
  tenant: "acme",
  target: { runtime: "process", rootDir: "/host", agentUrl: "ws://127.0.0.1:1/agent/v1" },
};

beforeAll(() =>
  mockEngine(acme, ({ type, inputs }) => ({
    digest: "files-digest",
    specDigest: "spec-digest",
    ...(type === "clusterclaw:process:Software" && inputs.source === "npm" && { dir: "/host/software/openclaw/1.0.0" }),
    ...(type === "clusterclaw:process:Software" && inputs.source === "archive" && { dir: `/host/software/.archives/${inputs.sha256}` }),
  })),
);

const evaluate = (...instances: ResolvedInstance[]) => evaluateTenant({ ...acme, instances });

describe("tenant program", () => {
  it("declares each instance's software, folders, files and process", async ({ expect }) => {
    const { resources } = await evaluate(anInstance("a"));
    const own = [...resources.keys()].filter((name) => name === "a" || name.startsWith("a-"));
    expect(own.sort()).toEqual(["a", "a-config", "a-data", "a-files", "a-process", "a-software"]);
    expect(resources.get("a-software")?.inputs).toMatchObject({
      source: "npm",
      package: "openclaw",
      version: "1.0.0",
      cacheDir: "/host/software",
    });
    expect(resources.get("a-data")?.inputs).toEqual({ path: "/host/tenants/acme/ins_a/data", mode: "0700", deletion: "retain" });
    expect(resources.get("a-config")?.inputs).toMatchObject({ path: "/host/tenants/acme/ins_a/config", deletion: "delete" });
    expect(resources.get("a-process")?.inputs).toMatchObject({
      instanceUid: "ins_a",
      hostDir: "/host",
      runDir: "/host/run/ins_a",
      softwareDir: "/host/software/openclaw/1.0.0",
      configDigest: "files-digest",
      running: true,
    });
    expect(resources.get("a-process")?.inputs.runtime).not.toHaveProperty("files");
  });

  it("keeps tokens and secret variables as secrets", async ({ expect }) => {
    const { resources } = await evaluate(anInstance("b"));
    const inputs = resources.get("b-process")?.inputs;
    expect(inputs.agentToken).toEqual(secret("agent-s3cret"));
    expect(inputs.secretEnv).toEqual(secret({ KEY: "k3y" }));
    const others = [...resources.values()].filter((args) => args.name !== "b-process");
    expect(JSON.stringify([others, inputs.runtime])).not.toMatch(/k3y|agent-s3cret/);
  });

  it("resolves folders in files, and leaves the port and the claw's own variables", async ({ expect }) => {
    const { resources } = await evaluate(anInstance("c"));
    expect(resources.get("c-files")?.inputs.files).toEqual({
      "claw.json": '{"workspace":"/host/tenants/acme/ins_c/data/w","bin":"/host/software/openclaw/1.0.0","port":"${port}","key":"${KEY}"}',
    });
  });

  it("keeps the paths that a manifest names inside the instance", async ({ expect }) => {
    const storage = { configDir: "/../../etc", dataDir: "/root/.openclaw", size: "1Gi" };
    const { resources } = await evaluate(anInstance("d", { storage, deletionPolicy: "delete" }));
    expect(resources.get("d-config")?.inputs.path).toBe("/host/tenants/acme/ins_d/etc");
    expect(resources.get("d-data")?.inputs).toMatchObject({ path: "/host/tenants/acme/ins_d/root/.openclaw", deletion: "delete" });
  });

  it("does not delete a config folder that holds data to be retained", async ({ expect }) => {
    const storage = { configDir: "/state", dataDir: "/state/data", size: "1Gi" };
    const { resources } = await evaluate(anInstance("e", { storage }));
    expect(resources.get("e-config")?.inputs.deletion).toBe("retain");
  });
});

describe("what an agent is handed without an operation", () => {
  it("is what an operation would leave on the host, to the byte", async ({ expect }) => {
    const instances = [
      anInstance("g", { restartedAt: "2026-01-01T00:00:00.000Z", storage: { configDir: "/state", dataDir: "/state/data", size: "1Gi" } }),
      anInstance("h", { runtime: { ...anInstance("h").runtime, software: { source: "inline", version: "1" } } }),
      anInstance("i", {
        runtime: {
          ...anInstance("i").runtime,
          software: { source: "archive", url: "https://a.example/i.tgz", sha256: "a".repeat(64), version: "1" },
        },
      }),
    ];
    for (const instance of instances) {
      const { resources } = await evaluate(instance);
      const { files } = resources.get(`${instance.name}-files`)?.inputs ?? {};
      const { secretEnv, agentToken, ...inputs } = resources.get(`${instance.name}-process`)?.inputs ?? {};
      const plain = { ...inputs, secretEnv: secretEnv.value, agentToken: agentToken.value, configDigest: digestOf(files) };
      expect(handings.process(acme.target as ProcessTarget, acme.tenant, instance)).toEqual({ files, spec: toSpec(plain) });
    }
  });
});

describe("instanceUrns", () => {
  it("names exactly the resources that the program registers", async ({ expect }) => {
    const { resources } = await evaluate(anInstance("f"));
    const urns = instanceUrns({ ...acme, instances: [anInstance("f")] }, { name: "f" }).declared;
    const names = [...resources.values()].filter(({ type }) => !type.startsWith("pulumi:")).map(({ type, name }) => `${type}::${name}`);
    expect(urns.map(typeAndName).sort()).toEqual(names.sort());
  });

  it("gives no two instances a URN in common", ({ expect }) => {
    const names = ["a", "a-config", "a-data", "a-config-config", "a-process", "a-files-process"];
    const urns = names.flatMap((name) => instanceUrns({ ...acme, instances: [] }, { name }).undeclared);
    expect(new Set(urns).size).toBe(urns.length);
  });
});
