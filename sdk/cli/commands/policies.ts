import type { PolicyInput, PolicyViolation } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { CliError, usageError } from "../failure.ts";
import { policyKind } from "../kinds/policy.ts";
import { readManifests } from "../manifests.ts";
import { defineGet, defineList } from "../nouns.ts";
import { filesOption, outputOption } from "../options.ts";
import type { View } from "../output/printer.ts";

export const policiesList = defineList("policies", policyKind);
export const policiesGet = defineGet("policies", policyKind);

const view: View<PolicyViolation> = {
  name: ({ instance }) => `instance/${instance}`,
  columns: [
    { header: "TENANT", value: ({ tenant }) => tenant },
    { header: "INSTANCE", value: ({ instance }) => instance },
    { header: "POLICY", value: ({ policy }) => policy },
    { header: "MODE", value: ({ mode }) => mode },
    { header: "VIOLATION", value: ({ message, fix }) => message.replace(`; ${fix}`, "") },
    { header: "FIX", wide: true, value: ({ fix }) => fix },
  ],
};

export const policiesTest = defineCommand({
  path: "policies test",
  group: "Resources",
  summary: "Say which instances violate policies, or would",
  details:
    "Without manifests: those that are in force. With them: as if these were, before they refuse anybody. Policies of the platform are tried on all tenants. Nothing is changed. Exits with 1 when anything violates one.",
  examples: ["claw policies test", "claw policies test -f stricter.yaml -o json"],
  syntax: (command) => command.addOption(filesOption).addOption(outputOption),
  async run({ io, claw, out, signal }, { filename = [], output }) {
    const policies = filename.length === 0 ? undefined : await policiesIn(io, filename);
    const violations: PolicyViolation[] = [];
    let tested = 0;
    let cursor: string | undefined;
    do {
      const body = { ...(policies && { policies }), ...(cursor !== undefined && { cursor }) };
      const answer = await claw.policies.test(body, { signal });
      violations.push(...answer.violations);
      tested += answer.tested;
      cursor = answer.nextCursor;
    } while (cursor !== undefined);
    await out.items(violations, view, output);
    const instances = new Set(violations.map(({ tenant, instance }) => `${tenant}/${instance}`)).size;
    if (instances > 0) {
      throw new CliError(`${instances} of ${tested} instances violate a policy`, { fix: "mend them, or begin with mode: warn" });
    }
    out.note(`${tested} instances comply`);
  },
});

async function policiesIn(io: Parameters<typeof readManifests>[0], paths: readonly string[]): Promise<PolicyInput[]> {
  const read = await readManifests(io, paths);
  return read.map(({ manifest, source }) => {
    if (manifest.kind !== "Policy") {
      throw usageError(`${source} is a ${manifest.kind}, not a Policy`, "give manifests of policies alone");
    }
    return manifest;
  });
}
