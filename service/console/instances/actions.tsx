import { useQueryClient } from "@tanstack/react-query";
import { OctagonX, Play, RotateCcw, Square, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Change } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import type { Action } from "./outcome.ts";

export const ACTIONS = {
  start: { word: "Start", icon: Play, permission: "instances.operate" },
  stop: { word: "Stop", icon: Square, permission: "instances.operate" },
  restart: { word: "Restart", icon: RotateCcw, permission: "instances.operate" },
  kill: { word: "Kill", icon: OctagonX, permission: "instances.operate" },
  destroy: { word: "Destroy", icon: Trash2, permission: "instances.write" },
} as const satisfies Readonly<Record<Action, object>>;

function changeOf(action: Action, name: string, purgeData: boolean): Change {
  return action === "destroy" ? { action: "delete", kind: "ClawInstance", name, ...(purgeData && { purgeData }) } : { action, name };
}

/** Asks before something is done to instances, with what it would do; several are one plan. */
export function ActionDialog({
  action,
  names,
  tenant,
  onClose,
  onDone,
}: {
  readonly action: Action;
  readonly names: readonly string[];
  readonly tenant: string;
  readonly onClose: () => void;
  readonly onDone?: () => void;
}) {
  const t = useTexts();
  const cache = useQueryClient();
  const [purgeData, setPurgeData] = useState(false);
  const [first = ""] = names;
  const name = names.length === 1 ? first : t("instances.many", { count: names.length });
  const { word } = ACTIONS[action];
  return (
    <PlanDialog
      title={t(`instances.ask${word}`, { name })}
      confirm={t(`instances.do${word}`, { name })}
      danger={action === "destroy" || action === "kill"}
      askKey={String(purgeData)}
      ask={() => claw(tenant).previews.create({ changes: names.map((each) => changeOf(action, each, purgeData)) })}
      onClose={onClose}
      onApplied={() => {
        tell("good", t(`instances.told${word}`, { name }));
        void cache.invalidateQueries({ queryKey: [tenant] });
        onClose();
        onDone?.();
      }}
    >
      {action === "destroy" && (
        <label className="flex items-center gap-2 text-sm">
          <input type="checkbox" checked={purgeData} onChange={(event) => setPurgeData(event.target.checked)} />
          {t("instances.purge")}
        </label>
      )}
    </PlanDialog>
  );
}
