import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, it, onTestFinished } from "vitest";
import { InstanceSpecSchema } from "../../../sdk/contract/index.ts";
import { expressionIssue } from "../../../service/domain/policies/expression.ts";
import { judgePolicies } from "../../../service/domain/policies/judge.ts";
import { findProgram } from "../../support/find-program.ts";
import { findBinaries } from "../../support/kubernetes/binaries.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually } from "../../support/service.ts";

const { cluster, aNamespace } = useCluster();
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";

const EXPRESSIONS = [
  "object.spec.replicas <= 2",
  "object.spec.version.startsWith('2026.')",
  "has(object.metadata.labels.team) && object.metadata.labels.team in ['red', 'blue']",
  "object.metadata.labels['team'] == 'red'",
  "object.spec.config.overrides.all(o, !o.key.startsWith('native'))",
  "object.spec.config.overrides.exists(o, o.key == 'reply.wordDelayMs' && o.value == 5)",
  "!has(object.spec.placement) || object.spec.placement.cluster != 'local'",
  "object.metadata.name.matches('^[a-z]+(-[0-9]+)?$') && size(object.metadata.name) < 12",
  "object.kind == 'ClawInstance' && object.apiVersion == 'clusterclaw.io/v1'",
  "variables.models.all(m, m.startsWith('openai/')) && variables.cluster == 'east'",
] as const;

const OBJECTS = {
  plain: {},
  many: { spec: { replicas: 3, version: "2025.1.0" } },
  red: { labels: { team: "red" } },
  green: { labels: { team: "green" }, spec: { placement: { cluster: "local" } } },
  native: { spec: { config: { overrides: [{ key: "native.x", value: true }] } } },
  slow: { labels: { team: "blue" }, spec: { config: { overrides: [{ key: "reply.wordDelayMs", value: 5 }] } } },
  "a-very-long-name": { spec: { placement: { cluster: "east" } } },
} as const satisfies Record<string, { readonly labels?: Readonly<Record<string, string>>; readonly spec?: object }>;

const labelsOf = (index: number, labels: object) => ({ ...labels, "policy-test": String(index) });
const specOf = (spec: object) => InstanceSpecSchema.parse({ type: "Echo", version: "2026.9.6", ...spec });

/** What a policy of ours says of it. */
function isTrueHere(
  index: number,
  name: string,
  { labels = {}, spec = {} }: { labels?: object; spec?: object },
  namespace: string,
): boolean {
  const expression = EXPRESSIONS[index] ?? "";
  const policy = { name: "p", mode: "enforce", owner: "", keeper: "", expression } as const;
  const parsed = specOf(spec);
  const place = { tenant: namespace, project: "default", cluster: "east", network: undefined };
  const found = { models: [{ path: "model.name", model: "openai/gpt-5" }], skills: [], annotations: {} };
  const judged = { ...place, ...found, name, labels: labelsOf(index, labels), spec: parsed, version: parsed.version ?? "" };
  return judgePolicies([policy], judged)[0]?.fault === undefined;
}

describe("an expression of a policy", () => {
  it("says the same of an instance as it does in a ValidatingAdmissionPolicy of a real API server", { timeout: 120_000 }, async ({
    expect,
  }) => {
    const namespace = await aNamespace();
    const { api, kubeconfigPath } = cluster();
    const [program = "", ...first] = findProgram("kubectl") ? ["kubectl"] : findBinaries().command("kubectl");
    const kubectl = (...args: string[]) =>
      promisify(execFile)(program, [...first, ...args], { env: { ...process.env, KUBECONFIG: kubeconfigPath } });
    await kubectl("apply", "-f", "deploy/crds");
    await kubectl("wait", "--for", "condition=Established", "--timeout", "60s", "-f", "deploy/crds");
    const variables = Object.entries({ cluster: "'east'", models: "['openai/gpt-5']" }).map(([name, expression]) => ({ name, expression }));
    for (const [index, expression] of EXPRESSIONS.entries()) {
      const name = `${namespace}-${index}`;
      const resourceRules = [{ apiGroups: ["clusterclaw.io"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["clawinstances"] }];
      const head = { apiVersion: "admissionregistration.k8s.io/v1", metadata: { name } };
      onTestFinished(async () => {
        await api.delete(`${ADMISSION}/validatingadmissionpolicybindings/${name}`);
        await api.delete(`${ADMISSION}/validatingadmissionpolicies/${name}`);
      });
      await api.create(`${ADMISSION}/validatingadmissionpolicies`, {
        ...head,
        kind: "ValidatingAdmissionPolicy",
        spec: {
          failurePolicy: "Fail",
          matchConstraints: { resourceRules },
          variables,
          validations: [{ expression, message: `of ${name}` }],
        },
      });
      await api.create(`${ADMISSION}/validatingadmissionpolicybindings`, {
        ...head,
        kind: "ValidatingAdmissionPolicyBinding",
        spec: {
          policyName: name,
          validationActions: ["Deny"],
          matchResources: {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
            objectSelector: { matchLabels: { "policy-test": String(index) } },
          },
        },
      });
    }
    const isTrueThere = async (index: number, name: string, { labels = {}, spec = {} }: { labels?: object; spec?: object }) => {
      const metadata = { name, namespace, labels: labelsOf(index, labels) };
      const object = { apiVersion: "clusterclaw.io/v1", kind: "ClawInstance", metadata, spec: specOf(spec) };
      const { status, body } = await api.send("POST", `/apis/clusterclaw.io/v1/namespaces/${namespace}/clawinstances?dryRun=All`, object);
      if (status !== 201 && !JSON.stringify(body).includes(`${namespace}-${index}`)) {
        throw new Error(`the API server refuses '${name}' for another reason: ${JSON.stringify(body)}`);
      }
      return status === 201;
    };
    const verdicts = async (isTrue: (index: number, name: string, object: object) => boolean | Promise<boolean>) => {
      const said: Record<string, string> = {};
      for (const [index, expression] of EXPRESSIONS.entries()) {
        const each = await Promise.all(
          Object.entries(OBJECTS).map(async ([name, object]) => ((await isTrue(index, name, object)) ? name : `!${name}`)),
        );
        said[expression] = each.join(" ");
      }
      return said;
    };
    const here = await verdicts((index, name, object) => isTrueHere(index, name, object, namespace));
    // Each expression says yes and no, so that neither side passes by saying always the same.
    const decided = Object.values(here).filter((line) => line.includes("!") && /(^| )[a-z]/.test(line));
    expect(decided.length).toBeGreaterThanOrEqual(EXPRESSIONS.length - 2);
    // A binding takes a moment to be in force.
    const there = await eventually(
      () => verdicts(isTrueThere),
      (said) => JSON.stringify(said) === JSON.stringify(here),
    ).catch(() => verdicts(isTrueThere));
    expect(there).toEqual(here);
  });

  it("is refused where the API server refuses it", async ({ expect }) => {
    for (const expression of ["1 +", "object.spec.replicas <= 2 &&", "secrets.exists(s, true)"]) {
      const spec = { failurePolicy: "Fail", matchConstraints: { resourceRules: [] }, validations: [{ expression }] };
      const policy = {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicy",
        metadata: { name: "refused" },
        spec,
      };
      const { status } = await cluster().api.send("POST", `${ADMISSION}/validatingadmissionpolicies?dryRun=All`, policy);
      expect([expression, status, expressionIssue(expression) !== undefined]).toEqual([expression, 422, true]);
    }
  });
});
