import { useQuery } from "@tanstack/react-query";
import { EyeOff, RotateCcw } from "lucide-react";
import { useState } from "react";
import type { ClawInstance, ConfigDifference, Consistency, Me } from "../../../sdk/contract/index.ts";
import { allows } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { Empty, Failure, Skeleton } from "../parts/states.tsx";
import { Status, ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import type { Tone } from "../parts/tone.ts";
import { consistencyQuery } from "./queries.ts";
import { type Undo, UndoDialog } from "./undo-dialog.tsx";

export const TONES = { consistent: "good", differs: "warn", unknown: "off" } as const satisfies Record<Consistency["state"], Tone>;

/** What an instance's claw is really configured with: what differs, whose it is, who changed it and when, and what can be done about it. */
export function ConsistencyTab({ instance, tenant, me }: { readonly instance: ClawInstance; readonly tenant: string; readonly me: Me }) {
  const t = useTexts();
  const [undo, setUndo] = useState<Undo>();
  const { uid, name, project } = instance.metadata;
  const found = useQuery(consistencyQuery(tenant, uid));
  if (!found.data) {
    return found.error ? <Failure error={found.error} onRetry={() => void found.refetch()} /> : <Skeleton lines={6} />;
  }
  const { state, message, checkedAt, live, files, differences, counts, reverting } = found.data;
  const mayWrite = allows(me, "instances.write", project);
  const hidden = counts.differs + counts.ignored + counts.own - differences.length;
  return (
    <div className="flex flex-col gap-4">
      <Panel
        title={<Status tone={TONES[state]}>{t(`consistency.state_${state}`)}</Status>}
        aside={
          <span className="flex flex-wrap items-center justify-end gap-2">
            <Equivalents tenant={tenant} command={`claw configs check ${name}`} path={`/instances/${name}/consistency`} />
            {counts.differs > 0 && (
              <>
                <Button disabled={!mayWrite} onClick={() => setUndo({ what: "Ignore" })}>
                  {t("consistency.ignoreAll")}
                </Button>
                <Button disabled={!mayWrite} onClick={() => setUndo({ what: "Adopt" })}>
                  {t("consistency.adoptAll")}
                </Button>
              </>
            )}
            {files.length > 0 && (
              <Button
                look="primary"
                icon={<Icon of={RotateCcw} size={14} />}
                disabled={!allows(me, "instances.operate", project) || reverting !== undefined}
                onClick={() => setUndo({ what: "Revert" })}
              >
                {t("consistency.revert")}
              </Button>
            )}
          </span>
        }
      >
        <div className="flex flex-col gap-1.5 text-sm text-ink-soft">
          {message !== "" && <p>{message}</p>}
          <p>
            {t(`consistency.live_${live}`)}{" "}
            {checkedAt !== undefined && (
              <span className="text-xs text-ink-faint">
                {t("consistency.checked")} <Ago time={checkedAt} />
              </span>
            )}
          </p>
          {files.map(({ path, by, changedAt }) => (
            <p key={path} className="flex flex-wrap items-baseline gap-x-2">
              <ToneIcon tone="warn" size={13} />
              {t("consistency.changed", { path, by: by ?? t("consistency.somebody") })}
              {changedAt !== undefined && (
                <span className="text-xs text-ink-faint">
                  <Ago time={changedAt} />
                </span>
              )}
            </p>
          ))}
          {reverting && <p className="text-accent">{t("consistency.reverting", { by: reverting.by })}</p>}
        </div>
      </Panel>
      <Panel padded={false}>
        {differences.length === 0 ? (
          <Empty icon={<ToneIcon tone={TONES[state]} size={20} />} title={t("consistency.none")}>
            {t("consistency.noneHelp")}
          </Empty>
        ) : (
          <ul>
            {differences.map((difference) => (
              <Difference key={`${difference.file} ${difference.key}`} difference={difference} mayWrite={mayWrite} onUndo={setUndo} />
            ))}
          </ul>
        )}
        {hidden > 0 && <p className="px-4 py-2 text-sm text-ink-faint">{t("consistency.more", { count: hidden })}</p>}
      </Panel>
      {undo && <UndoDialog undo={undo} name={name} tenant={tenant} onClose={() => setUndo(undefined)} />}
    </div>
  );
}

function Difference({
  difference: { key, declaredBy, owner, declared, disk, live, secret, state, ignoredUntil },
  mayWrite,
  onUndo,
}: {
  readonly difference: ConfigDifference;
  readonly mayWrite: boolean;
  readonly onUndo: (undo: Undo) => void;
}) {
  const t = useTexts();
  const views = [["declared", declared], ["disk", disk], ...(live === undefined ? [] : ([["live", live]] as const))] as const;
  return (
    <li
      className={`flex flex-wrap items-start gap-x-4 gap-y-2 border-b border-line px-4 py-2.5 last:border-b-0 ${state === "differs" ? "" : "opacity-70"}`}
    >
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex flex-wrap items-baseline gap-x-2 text-sm">
          <code className="font-mono text-xs font-medium break-all">{key}</code>
          {declaredBy !== undefined && <code className="font-mono text-xs break-all text-ink-faint">{declaredBy}</code>}
          <span className="text-xs text-ink-faint">{t(`consistency.owner_${owner}`)}</span>
          {secret && (
            <span className="text-xs text-ink-faint">
              <Icon of={EyeOff} size={12} className="mr-1 inline" />
              {t("consistency.secret")}
            </span>
          )}
          {state === "own" && <span className="text-xs text-ink-faint">{t("consistency.own")}</span>}
          {ignoredUntil !== undefined && (
            <span className="text-xs text-ink-faint">
              {t("consistency.ignored")} <time dateTime={ignoredUntil}>{ignoredUntil.slice(0, 16).replace("T", " ")}</time>
            </span>
          )}
        </p>
        <dl className="grid grid-cols-[minmax(5rem,auto)_1fr] gap-x-3 pt-1 text-xs">
          {views.map(([view, value]) => (
            <div key={view} className="contents">
              <dt className="text-ink-faint">{t(`consistency.view_${view}`)}</dt>
              <dd className={`min-w-0 font-mono break-all ${view === "declared" ? "text-good" : value === declared ? "" : "text-bad"}`}>
                {value ?? <span className="text-ink-faint">{t("consistency.nothing")}</span>}
              </dd>
            </div>
          ))}
        </dl>
      </div>
      {state !== "own" && (
        <div className="flex gap-2">
          {state === "ignored" ? (
            <Button disabled={!mayWrite} onClick={() => onUndo({ what: "Unignore", keys: [key] })}>
              {t("consistency.unignore")}
            </Button>
          ) : (
            <>
              <Button disabled={!mayWrite || secret || owner === "platform"} onClick={() => onUndo({ what: "Adopt", keys: [key] })}>
                {t("consistency.adopt")}
              </Button>
              <Button disabled={!mayWrite} onClick={() => onUndo({ what: "Ignore", keys: [key] })}>
                {t("consistency.ignore")}
              </Button>
            </>
          )}
        </div>
      )}
    </li>
  );
}
