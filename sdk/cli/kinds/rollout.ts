import type { Rollout } from "../../contract/index.ts";
import { ageColumn, type Fact, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Rollouts of config versions, of claws' programs and of secrets' values. */
export const rolloutKind: ResourceKind<Rollout> = {
  kind: "Rollout",
  scope: "tenant",
  permissions: "rollouts",
  word: "rollout",
  aliases: ["rollouts", "rll"],
  name: (r) => `rollout/${r.metadata.name}`,
  columns: [
    nameColumn,
    { header: "CHANGE", value: (r) => changeOf(r) },
    { header: "PHASE", value: (r) => r.status.phase },
    { header: "WAVE", value: ({ status: { waves } }) => waveOf(waves) },
    { header: "DONE", value: ({ status: { counts } }) => `${counts.updated}/${counts.total}` },
    { header: "FAILED", value: ({ status: { counts } }) => String(counts.failed) },
    ageColumn,
    { header: "MESSAGE", wide: true, value: (r) => r.status.message || "-" },
    ...wideColumns,
  ],
  facts: ({ status }): readonly Fact[] => [
    ["Phase", `${status.phase} (${status.reason})`],
    ["Message", status.message],
    ["Actor", status.actor],
    ["Plan", status.planId],
  ],
  sections: {
    async before({ out }, { status }) {
      await out.line(`\n${out.paint("bold", "Waves")}`);
      await out.table(status.waves, {
        columns: [
          { header: "WAVE", value: (wave) => wave.name },
          { header: "PHASE", value: (wave) => wave.phase },
          { header: "DONE", value: (wave) => `${wave.updated}/${wave.instances}` },
          { header: "UNTIL", value: (wave) => wave.bakesUntil ?? "-" },
        ],
      });
      const evidence = status.waves.flatMap((wave) => wave.gates.map((gate) => ({ wave: wave.name, ...gate })));
      if (evidence.length > 0) {
        await out.line(`\n${out.paint("bold", "Gates")}`);
        await out.table(evidence, {
          columns: [
            { header: "WAVE", value: (gate) => gate.wave },
            { header: "GATE", value: (gate) => gate.gate },
            { header: "VERDICT", value: (gate) => gate.verdict },
            { header: "VALUE", value: (gate) => gate.value || "-" },
            { header: "WANTED", value: (gate) => gate.threshold || "-" },
            { header: "MEASURED", value: (gate) => gate.measuredAt },
            { header: "OF", value: (gate) => gate.source || "-" },
          ],
        });
      }
      for (const { count, instances, why } of status.leftOut) {
        await out.line(`${count} instances ${why}: ${instances.join(", ")}${count > instances.length ? ", …" : ""}`);
      }
    },
  },
  list: (claw, query, signal) => claw.rollouts.list(query, { signal }),
  get: (claw, name, signal) => claw.rollouts.get(name, { signal }),
};

function changeOf({ spec: { change } }: Rollout): string {
  if (change.secret) {
    return `secret/${change.secret.name} #${change.secret.number}`;
  }
  return change.config
    ? `config/${change.config.template} v${change.config.version}`
    : `${change.software?.type} ${change.software?.version}`;
}

function waveOf(waves: Rollout["status"]["waves"]): string {
  const at = waves.findIndex(({ phase }) => phase !== "Passed");
  const wave = waves[at];
  return wave ? `${at + 1}/${waves.length} ${wave.phase}` : `${waves.length}/${waves.length}`;
}
