import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Change } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Field, Select } from "../parts/field.tsx";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";

const HOURS = [1, 24, 168, 720] as const;
const HOUR_MS = 3_600_000;

/** What is done about differences, and about which of them: about all without keys. */
export interface Undo {
  readonly what: "Revert" | "Adopt" | "Ignore" | "Unignore";
  readonly keys?: readonly string[];
}

/** Asks before something is done about differences, with what it would do. */
export function UndoDialog({
  undo: { what, keys },
  name,
  tenant,
  onClose,
}: {
  readonly undo: Undo;
  readonly name: string;
  readonly tenant: string;
  readonly onClose: () => void;
}) {
  const t = useTexts();
  const cache = useQueryClient();
  const [hours, setHours] = useState<number>(24);
  const change = (): Change => {
    const chosen = { name, ...(keys && { keys: [...keys] }) };
    switch (what) {
      case "Revert":
        return { action: "revert", name };
      case "Adopt":
        return { action: "adopt", ...chosen };
      case "Ignore":
        return { action: "ignore", ...chosen, until: new Date(Date.now() + hours * HOUR_MS).toISOString() };
      case "Unignore":
        return { action: "ignore", ...chosen, until: null };
    }
  };
  return (
    <PlanDialog
      title={t(`consistency.ask${what}`, { name })}
      confirm={t(`consistency.do${what}`, { name })}
      askKey={`${what} ${hours}`}
      ask={() => claw(tenant).previews.create({ changes: [change()] })}
      onClose={onClose}
      onApplied={() => {
        tell("good", t(`consistency.told${what}`, { name }));
        void cache.invalidateQueries({ queryKey: [tenant] });
        onClose();
      }}
    >
      {what === "Ignore" && (
        <Field label={t("consistency.howLong")}>
          {(ids) => (
            <Select
              {...ids}
              value={String(hours)}
              onChange={(event) => setHours(Number(event.target.value))}
              options={HOURS.map((each) => [String(each), t(`consistency.hours_${each}`)])}
            />
          )}
        </Field>
      )}
    </PlanDialog>
  );
}
