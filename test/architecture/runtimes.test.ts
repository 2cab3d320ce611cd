import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  /** Files where it is looked for. */
  readonly files: RegExp;
  /** Of those, the ones that may. */
  readonly allowed?: RegExp;
}

const RULES: readonly Rule[] = [
  {
    what: "a branch on a runtime's name: ask the runtime's object",
    pattern: /(?<!typeof )\bruntime\)?\s*[!=]==|[!=]==\s*"(?:process|kubernetes)"|case "(?:process|kubernetes)":|switch \([^)]*\bruntime\b/,
    files: /^(service|adapters|components|stacks)\//,
  },
  {
    what: "a branch on the control plane's own host: ask for the runtime at the cluster",
    pattern: /[!=]==\s*LOCAL_CLUSTER\b|\bLOCAL_CLUSTER\s*[!=]==/,
    files: /^(service|adapters|components|stacks)\//,
    allowed: /^service\/domain\/runtimes\/runtimes\.ts$/,
  },
  {
    what: "a name of a place or a runtime: the service answers what follows of it",
    pattern: /["'`](?:local|process|kubernetes)["'`]|\bLOCAL_CLUSTER\b/,
    files: /^sdk\/(cli|client)\//,
  },
  {
    what: "a way into a cluster of Kubernetes: have the cluster's runtime connect",
    pattern: /\bkubernetesAccess\b|\bKubernetesAccess\b/,
    files: /^service\/(domain|application|workers|http)\//,
    allowed: /^service\/application\/(runtimes\/kubernetes|ports)\//,
  },
  {
    what: "a Pulumi type token: the components know what they declare",
    pattern: /["'`](?:kubernetes|clusterclaw):[\w.-]+[:/]/,
    files: /^service\/(domain|application|workers|http)\//,
  },
];

/** What of the rules a file breaks, line by line. */
function brokenIn(file: string, text: string): string[] {
  const rules = RULES.filter(({ files, allowed }) => files.test(file) && !allowed?.test(file));
  return text.split("\n").flatMap((line, index) => {
    const code = line.replace(/^\s*(\/\/|\/?\*).*/, "");
    return rules.filter(({ pattern }) => pattern.test(code)).map(({ what }) => `${file}:${index + 1} has ${what}`);
  });
}

describe("what differs between runtimes", () => {
  it("is decided in their objects alone", ({ expect }) => {
    const files = globSync("{sdk,service,adapters,components,stacks}/**/*.ts", { cwd: ROOT });
    expect(files.length).toBeGreaterThan(300);
    expect(files.flatMap((file) => brokenIn(file, readFileSync(resolve(ROOT, file), "utf8")))).toEqual([]);
  });

  it.for([
    { file: "service/workers/x.ts", code: 'if (target.runtime === "kubernetes") {' },
    { file: "service/workers/x.ts", code: "if (target.runtime !== other) {" },
    { file: "adapters/automation/x.ts", code: "  switch (spec.target.runtime) {" },
    { file: "stacks/tenant/x.ts", code: '    case "process":' },
    { file: "service/application/instances/x.ts", code: "const isLocal = cluster === LOCAL_CLUSTER;" },
    { file: "sdk/cli/output/x.ts", code: 'if (item.placement.cluster !== "local") {' },
    { file: "sdk/cli/kinds/x.ts", code: "const isHost = status.cluster === LOCAL_CLUSTER;" },
    { file: "service/workers/x.ts", code: "clusters.usage(kubernetesAccess(cluster, cipher))" },
    { file: "service/application/instances/x.ts", code: 'return type === "kubernetes:apps/v1:StatefulSet";' },
    { file: "service/workers/x.ts", code: "isOf(change, 'clusterclaw:process:Process')" },
  ])("is found where it does not belong: $file: $code", ({ file, code }, { expect }) => {
    expect(brokenIn(file, `\n${code}\n`)).toEqual([expect.stringMatching(/^[\w/]+\.ts:2 has /)]);
  });

  it.for([
    { file: "service/domain/runtimes/runtimes.ts", code: 'return cluster === LOCAL_CLUSTER ? "process" : "kubernetes";' },
    { file: "sdk/cli/output/x.ts", code: "if (item.placement.cluster !== DEFAULT_PLACEMENT.cluster) {" },
    {
      file: "service/application/runtimes/kubernetes/x.ts",
      code: "connect: (cluster) => clusters.connect(kubernetesAccess(cluster, cipher)),",
    },
    { file: "components/kubernetes/x.ts", code: 'secret: { type: "kubernetes:core/v1:Secret", suffix: "-boot" },' },
    { file: "service/workers/x.ts", code: "// what target.runtime === other would mean" },
    { file: "service/workers/x.ts", code: "const runtime = deps.runtimes.at(cluster);" },
    { file: "service/workers/x.ts", code: "const place = { cluster: LOCAL_CLUSTER };" },
    { file: "adapters/claws/x.ts", code: 'if (kind === "manifest") {' },
  ])("may be written where it does: $file: $code", ({ file, code }, { expect }) => {
    expect(brokenIn(file, code)).toEqual([]);
  });
});
