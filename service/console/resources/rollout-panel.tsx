import { useQueryClient } from "@tanstack/react-query";
import { Check, Pause, Play, X } from "lucide-react";
import { useState } from "react";
import type { Me, RolloutEvidence, RolloutReason, RolloutSpec, RolloutStatus, RolloutWave } from "../../../sdk/contract/index.ts";
import { allows, claw } from "../app/claw.ts";
import { useLanguage, useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import { tell } from "../parts/toasts.tsx";
import type { Tone } from "../parts/tone.ts";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import { tellEvidence } from "./evidence.ts";
import type { AnyResource } from "./kinds.ts";

const ICONS = { approve: Check, pause: Pause, resume: Play, abort: X } as const;
type Act = keyof typeof ICONS;

/** What can be done with a rollout, by how it stands. */
const ACTS: Readonly<Record<RolloutStatus["phase"], readonly Act[]>> = {
  Progressing: ["pause", "abort"],
  AwaitingApproval: ["approve", "pause", "abort"],
  Paused: ["resume", "abort"],
  RollingBack: [],
  Completed: [],
  Aborted: [],
  RolledBack: [],
};
const TONES: Readonly<Record<RolloutWave["phase"], Tone>> = {
  Pending: "off",
  Updating: "busy",
  Baking: "busy",
  Passed: "good",
  Failed: "bad",
};
const VERDICTS = { passed: "good", waiting: "busy", failed: "bad" } as const;

/** What it brings, as the command line names it. */
function subjectOf({ change: { config, software, secret } }: RolloutSpec): string {
  if (secret) {
    return `secret/${secret.name} #${secret.number}`;
  }
  return config ? `config/${config.template} v${config.version}` : `${software?.type} ${software?.version}`;
}

/** How far a rollout is, wave by wave, with what its gates found, and what somebody may do about it. */
export function RolloutPanel({ rollout, tenant, me }: { readonly rollout: AnyResource; readonly tenant: string; readonly me: Me }) {
  const t = useTexts();
  // The service's own words are English: what they are about is said in the reader's.
  const isTranslated = useLanguage() !== "en";
  const cache = useQueryClient();
  const { name } = rollout.metadata;
  const status = rollout.status as unknown as RolloutStatus;
  const [asked, setAsked] = useState<Act>();
  const [rollback, setRollback] = useState(true);
  return (
    <Panel
      title={t("resources.waves")}
      padded={false}
      aside={
        <span className="flex gap-2">
          {ACTS[status.phase].map((each) => (
            <Button
              key={each}
              icon={<Icon of={ICONS[each]} size={14} />}
              disabled={!allows(me, "rollouts.operate")}
              onClick={() => setAsked(each)}
            >
              {t(`resources.act_${each}`)}
            </Button>
          ))}
        </span>
      }
    >
      <p className="border-b border-line px-4 py-2.5 text-sm">
        <code className="mr-2">{subjectOf(rollout.spec as unknown as RolloutSpec)}</code>
        <span className="font-medium">{t(`resources.phase_${status.phase}`)}</span>{" "}
        {isTranslated && <span className="text-ink-soft">{t(`resources.why_${status.reason as RolloutReason}`)} </span>}
        <span className={isTranslated ? "block text-ink-faint" : "text-ink-soft"}>{status.message}</span>
      </p>
      <ol>
        {status.waves.map((wave) => (
          <li key={wave.name} className="flex gap-3 border-b border-line px-4 py-2.5 text-sm last:border-b-0">
            <span className="pt-0.5">
              <ToneIcon tone={TONES[wave.phase]} />
            </span>
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-baseline gap-x-2">
                <span className="font-medium">{wave.name}</span>
                <span className="text-ink-soft">{t(`resources.wave_${wave.phase}`)}</span>
                <span className="tabular text-ink-soft">{t("resources.waveOf", { updated: wave.updated, count: wave.instances })}</span>
                {wave.phase === "Baking" && wave.bakesUntil !== undefined && (
                  <span className="text-ink-faint">
                    {t("resources.bakesUntil")} <Ago time={wave.bakesUntil} />
                  </span>
                )}
              </p>
              <ul className="flex flex-col gap-0.5 pt-1">
                {wave.gates.map((evidence) => (
                  <li key={evidence.gate} className="flex flex-wrap items-center gap-x-2 text-xs text-ink-soft">
                    <ToneIcon tone={VERDICTS[evidence.verdict]} size={12} />
                    <span className="font-medium">{t(`resources.gate_${evidence.gate}`)}</span>
                    <Found evidence={evidence} />
                  </li>
                ))}
              </ul>
            </div>
          </li>
        ))}
      </ol>
      {asked && (
        <PlanDialog
          title={t(`resources.askAct_${asked}`, { name })}
          confirm={t(`resources.doAct_${asked}`, { name })}
          danger={asked === "abort"}
          askKey={String(rollback)}
          ask={() =>
            claw(tenant).previews.create({ changes: [asked === "abort" ? { action: asked, name, rollback } : { action: asked, name }] })
          }
          onClose={() => setAsked(undefined)}
          onApplied={() => {
            tell("good", t("resources.toldAct", { name }));
            setAsked(undefined);
            void cache.invalidateQueries({ queryKey: [tenant] });
          }}
        >
          <p className="text-sm text-ink-soft">{status.message}</p>
          {asked === "abort" && (
            <label className="flex items-center gap-2 text-sm">
              <input type="checkbox" checked={rollback} onChange={(event) => setRollback(event.target.checked)} />
              {t("resources.abortRollback")}
            </label>
          )}
        </PlanDialog>
      )}
    </Panel>
  );
}

/** What was found, and after it what was wanted: in the reader's language, else in the service's words. */
function Found({ evidence }: { readonly evidence: RolloutEvidence }) {
  const t = useTexts();
  const [found, wanted] = tellEvidence(evidence)?.map(({ text, values }) => t(text, values)) ?? [
    evidence.value,
    `${evidence.threshold} · ${evidence.source}`,
  ];
  return (
    <>
      <span className="min-w-0 break-words">{found}</span>
      {wanted !== undefined && <span className="text-ink-faint">{wanted}</span>}
    </>
  );
}
