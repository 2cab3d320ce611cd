import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import extractDepcruiseConfig from "dependency-cruiser/config-utl/extract-depcruise-config";
import { describe, it, onTestFinished } from "vitest";

const { forbidden, options } = await extractDepcruiseConfig(join(import.meta.dirname, "../../.dependency-cruiser.mjs"));

/** The rules that these files break; every imported file exists, empty unless given. */
async function broken(files: Record<string, string>): Promise<string[]> {
  const baseDir = await mkdtemp(join(tmpdir(), "arrows-"));
  onTestFinished(() => rm(baseDir, { recursive: true }));
  const all: Record<string, string> = {
    "package.json":
      '{"dependencies":{"typeorm":"*","pg":"*","zod":"*","pino":"*","react":"*","@kubernetes/client-node":"*","openid-client":"*"}}',
    ...files,
  };
  for (const [file, text] of Object.entries(files)) {
    for (const [, target] of text.matchAll(/from "([^"]+)"/g)) {
      const [place, content] = target?.startsWith(".")
        ? [join(dirname(file), target), "export const a = 1; export type T = string;"]
        : [`node_modules/${target}/index.js`, "module.exports = {};"];
      all[place] ??= content;
    }
  }
  for (const [file, text] of Object.entries(all)) {
    await mkdir(dirname(join(baseDir, file)), { recursive: true });
    await writeFile(join(baseDir, file), text);
  }
  const roots = [...new Set(Object.keys(all).map((file) => file.split("/")[0] ?? file))].filter(
    (name) => !/node_modules|package/.test(name),
  );
  const { output } = await cruise(roots, {
    ...options,
    tsConfig: {},
    baseDir,
    validate: true,
    ruleSet: { forbidden: forbidden ?? [] },
  });
  const { violations } = (output as ICruiseResult).summary;
  return [...new Set(violations.map((violation) => violation.rule.name))].sort();
}

const bad: { file: string; imports: string; rules: string[] }[] = [
  { file: "sdk/contract/x.ts", imports: "../../service/domain/y.ts", rules: ["sdk-alone", "sdk-contract-alone"] },
  { file: "sdk/contract/x.ts", imports: "pino", rules: ["contract-zod-only", "vendor-pino"] },
  { file: "sdk/client/x.ts", imports: "../contract/y.ts", rules: ["client-no-dependencies"] },
  { file: "sdk/client/x.ts", imports: "zod", rules: ["client-no-dependencies"] },
  { file: "sdk/cli/x.ts", imports: "../../adapters/postgres/y.ts", rules: ["sdk-alone"] },
  { file: "sdk/cli/x.ts", imports: "../contract/y.ts", rules: ["cli-without-schemas"] },
  { file: "sdk/cli/x.ts", imports: "./mcp/y.ts", rules: ["mcp-on-demand"] },
  { file: "sdk/cli/x.ts", imports: "./sign-in/y.ts", rules: ["sign-in-on-demand"] },
  { file: "sdk/cli/x.ts", imports: "openid-client", rules: ["vendor-openid-client"] },
  { file: "service/domain/x.ts", imports: "../application/y.ts", rules: ["domain-inward"] },
  { file: "service/domain/x.ts", imports: "node:fs", rules: ["domain-pure"] },
  { file: "service/domain/policies/x.ts", imports: "node:fs", rules: ["policies-pure"] },
  { file: "service/application/x.ts", imports: "../http/y.ts", rules: ["application-inward"] },
  { file: "service/application/x.ts", imports: "../../adapters/postgres/y.ts", rules: ["application-inward", "roots-compose"] },
  { file: "service/application/resources/x.ts", imports: "../instances/y.ts", rules: ["resources-know-no-area"] },
  { file: "service/application/secrets/x.ts", imports: "../instances/y.ts", rules: ["area-secrets-runtimes"] },
  { file: "service/application/instances/x.ts", imports: "../configs/y.ts", rules: ["area-instances"] },
  { file: "service/application/tenancy/x.ts", imports: "../clusters/y.ts", rules: ["area-tenancy"] },
  { file: "service/application/stacks/x.ts", imports: "../application.ts", rules: ["area-stacks"] },
  { file: "service/application/x.ts", imports: "typeorm", rules: ["vendor-typeorm"] },
  { file: "service/application/x.ts", imports: "pino", rules: ["vendor-pino-value"] },
  { file: "service/http/x.ts", imports: "../workers/y.ts", rules: ["http-inward"] },
  { file: "service/workers/x.ts", imports: "../http/y.ts", rules: ["workers-inward"] },
  { file: "service/agent/x.ts", imports: "../domain/y.ts", rules: ["agent-alone"] },
  { file: "service/agent/x.ts", imports: "../../adapters/postgres/y.ts", rules: ["agent-alone"] },
  { file: "service/http/x.ts", imports: "../main.ts", rules: ["http-inward", "roots-outermost"] },
  { file: "service/agent/x.ts", imports: "../../sdk/contract/agent.ts", rules: ["agent-without-schemas"] },
  { file: "adapters/folder-store/x.ts", imports: "../engine/deployment/y.ts", rules: ["adapter-folder-store"] },
  { file: "adapters/claws/x.ts", imports: "../postgres/y.ts", rules: ["adapter-claws"] },
  { file: "adapters/postgres/x.ts", imports: "../../service/application/y.ts", rules: ["adapter-postgres"] },
  { file: "adapters/engine/contract/x.ts", imports: "../command/y.ts", rules: ["engine-contract-alone"] },
  { file: "adapters/automation/x.ts", imports: "../engine/command/y.ts", rules: ["adapter-automation"] },
  { file: "adapters/engine/x.ts", imports: "../../service/application/ports/y.ts", rules: ["engine-alone"] },
  { file: "adapters/nats/x.ts", imports: "../engine/operation.ts", rules: ["adapter-nats"] },
  { file: "adapters/providers/kubernetes/x.ts", imports: "../../kubernetes/drift.ts", rules: ["adapter-providers"] },
  { file: "adapters/providers/clusterclaw/x.ts", imports: "../../postgres/y.ts", rules: ["adapter-providers"] },
  { file: "adapters/kubernetes/client/x.ts", imports: "../drift.ts", rules: ["kubernetes-client-alone"] },
  { file: "adapters/kubernetes/x.ts", imports: "@kubernetes/client-node", rules: ["vendor-kubernetes"] },
  { file: "service/application/x.ts", imports: "../../adapters/engine/contract/y.ts", rules: ["application-inward", "roots-compose"] },
  { file: "adapters/nats/x.ts", imports: "pg", rules: ["vendor-pg"] },
  { file: "service/workers/x.ts", imports: "@kubernetes/client-node", rules: ["vendor-kubernetes"] },
  { file: "components/x/y.ts", imports: "../index.ts", rules: ["entries-outermost"] },
  { file: "components/x/y.ts", imports: "../../service/domain/z.ts", rules: ["components-inward"] },
  { file: "stacks/tenant/x.ts", imports: "../../adapters/engine/y.ts", rules: ["stacks-inward"] },
  { file: "service/domain/x.ts", imports: "../../test/support/y.ts", rules: ["domain-inward", "test-outside"] },
  { file: "service/console/x.ts", imports: "../domain/y.ts", rules: ["console-alone"] },
  { file: "service/console/x.ts", imports: "../../sdk/cli/y.ts", rules: ["console-alone"] },
  { file: "service/console/x.ts", imports: "../../sdk/contract/instance.ts", rules: ["console-without-schemas"] },
  { file: "service/http/x.ts", imports: "../console/y.ts", rules: ["console-outermost", "http-inward"] },
  { file: "service/http/x.ts", imports: "react", rules: ["vendor-react"] },
  { file: "service/domain/index.ts", imports: "./y.ts", rules: ["no-barrels"] },
];

describe("the architecture's rules", () => {
  for (const { file, imports, rules: expected } of bad) {
    it(`refuse ${file} importing ${imports}`, async ({ expect }) => {
      expect(await broken({ [file]: `import { a } from "${imports}";\nconsole.log(a);\n` })).toEqual(expected);
    });
  }

  it("know every area of the use cases", ({ expect }) => {
    const folders = readdirSync(join(import.meta.dirname, "../../service/application"), { withFileTypes: true });
    const areas = folders.filter((entry) => entry.isDirectory() && !["ports", "resources"].includes(entry.name)).map(({ name }) => name);
    const known = (forbidden ?? []).flatMap(({ name, from }) => (name?.startsWith("area-") ? [new RegExp(String(from.path))] : []));
    expect(areas.filter((area) => !known.some((path) => path.test(`service/application/${area}/x.ts`)))).toEqual([]);
  });

  it("refuse a cycle", async ({ expect }) => {
    const files = {
      "service/domain/a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;\n',
      "service/domain/b.ts": 'import { a } from "./a.ts";\nexport const b = () => a;\n',
    };
    expect(await broken(files)).toEqual(["no-cycles"]);
  });

  it("refuse an import that leads nowhere", async ({ expect }) => {
    expect(await broken({ "service/domain/a.ts": "import { b } from './gone.ts';\nconsole.log(b);\n" })).toEqual(["no-unresolvable"]);
  });

  it("allow every arrow that points inward", async ({ expect }) => {
    const files = {
      "service/main.ts": 'import { a } from "../adapters/postgres/y.ts";\nimport { a as b } from "./http/app.ts";\nconsole.log(a, b);\n',
      "service/http/x.ts":
        'import { a } from "../application/use.ts";\nimport type { T } from "pino";\nexport const x = (t: T) => [a, t];\n',
      "service/application/y.ts": 'import { a } from "../domain/rule.ts";\nconsole.log(a);\n',
      "service/domain/z.ts":
        'import { a } from "../../sdk/contract/thing.ts";\nimport { createHash } from "node:crypto";\nconsole.log(a, createHash);\n',
      "adapters/postgres/x.ts":
        'import { a } from "../../service/application/ports/p.ts";\nimport { b } from "typeorm";\nconsole.log(a, b);\n',
      "adapters/providers/kubernetes/k.ts":
        'import { a } from "../../kubernetes/client/api-client.ts";\nimport { a as b } from "../../engine/contract/values.ts";\nconsole.log(a, b);\n',
      "sdk/client/c.ts": 'import type { T } from "../contract/thing.ts";\nexport type U = T;\n',
      "sdk/contract/index.ts": 'export * from "./thing.ts";\n',
      "stacks/tenant/p.ts": 'import { a } from "../../components/claw/c.ts";\nconsole.log(a);\n',
      "service/agent/g.ts":
        'import { a } from "../../adapters/claws/c.ts";\nimport type { T } from "../../sdk/contract/thing.ts";\nimport { a as r } from "../../sdk/contract/reasons.ts";\nexport const l = (t: T) => [a, r, t, import("../../sdk/contract/thing.ts")];\n',
    };
    expect(await broken(files)).toEqual([]);
  });
});
