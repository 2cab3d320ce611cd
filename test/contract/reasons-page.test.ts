import { join } from "node:path";
import { describe, it } from "vitest";
import {
  agentReasons,
  clusterReasons,
  conditionReasons,
  conditionTypes,
  eventReasons,
  podReasons,
  provisionReasons,
  rolloutReasons,
} from "../../sdk/contract/index.ts";
import { markdownTable } from "../support/markdown-table.ts";

const INTRODUCTION = `# Conditions, reasons and events

A resource says in its phase where it is in its life, and in \`status.conditions\` what is known of it beside that: each condition has a type, a status (\`True\`,
\`False\`, \`Unknown\`), a reason for programs and a message for people. An instance's events (\`claw events\`) have a reason too. In the contract these are
\`ConditionType\`, \`ConditionReason\`, \`AgentReason\`, \`PodReason\`, \`ProvisionReason\`, \`ClusterReason\`, \`RolloutReason\` and \`EventReason\`. A reason keeps its meaning; new ones
come, and some are other programs' words, so take those that you don't know for what the status says.
`;

interface Section {
  readonly title: string;
  readonly text: string;
  readonly head: string;
  readonly names: Readonly<Record<string, string>>;
}

const sections: readonly Section[] = [
  { title: "Conditions", text: "What each says when it is `True`.", head: "type", names: conditionTypes },
  {
    title: "What the control plane says",
    text: "A custom resource that is refused has the error's code as the reason of `Accepted`: `TenantQuotaExceeded` for `tenant.quota_exceeded`.",
    head: "reason",
    names: conditionReasons,
  },
  {
    title: "What an agent says",
    text: "Reasons of `Ready`, of an instance on a host. A claw type may name more, for the exit codes of its claws.",
    head: "reason",
    names: agentReasons,
  },
  {
    title: "What is seen of a pod",
    text: "Reasons of `PodReady`, and of `Ready`, of an instance on a cluster. What its claw type says of a claw's exit is told as on a host; what else a scheduler or a kubelet says as it is.",
    head: "reason",
    names: podReasons,
  },
  {
    title: "What a host's resources fail with",
    text: "Reasons of `Provisioned`. Kubernetes' objects fail with the API's own words.",
    head: "reason",
    names: provisionReasons,
  },
  {
    title: "What is the matter with a cluster",
    text: "Reasons of `Reachable` and `ClusterReachable`, beside those that its API gives, such as `Unauthorized`.",
    head: "reason",
    names: clusterReasons,
  },
  {
    title: "How a rollout goes on",
    text: "Reasons of a rollout's `status.reason`, beside its phase.",
    head: "reason",
    names: rolloutReasons,
  },
  {
    title: "Events",
    text: "Reasons of an instance's events. An operation that failed leaves a warning with the reason that `Provisioned` has then.",
    head: "reason",
    names: eventReasons,
  },
];

describe("the page of conditions and reasons", () => {
  it("is the committed one; `npx vitest run test/contract/reasons-page.test.ts -u` writes it", async ({ expect }) => {
    const parts = sections.map(({ title, text, head, names }) => {
      const rows = Object.entries(names).map(([name, sentence]) => [`\`${name}\``, sentence]);
      return `## ${title}\n\n${text}\n\n${markdownTable([head, "what it says"], rows)}`;
    });
    await expect([INTRODUCTION, ...parts].join("\n")).toMatchFileSnapshot(
      join(import.meta.dirname, "../../docs/reference/conditions-and-reasons.md"),
    );
  });
});
