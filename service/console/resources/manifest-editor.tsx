import { useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { Manifest } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import { read } from "./manifest.ts";

/** A manifest as text. What it would change is shown before anything happens, and nothing that comes from the service changes what is typed. */
export function ManifestEditor({
  tenant,
  text,
  onApplied,
  onCancel,
}: {
  readonly tenant: string;
  readonly text: string;
  readonly onApplied: (name: string) => void;
  readonly onCancel: () => void;
}) {
  const t = useTexts();
  const cache = useQueryClient();
  const id = useId();
  const [typed, setTyped] = useState(text);
  const [asked, setAsked] = useState<{ readonly name: string; readonly manifest: Manifest }>();
  const written = read(typed, t("resources.noName"));
  const fault = "fault" in written ? written.fault : undefined;
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if ("manifest" in written) {
          setAsked({ name: written.manifest.metadata.name, manifest: written.manifest as unknown as Manifest });
        }
      }}
    >
      <label htmlFor={id} className="sr-only">
        {t("resources.manifest")}
      </label>
      <textarea
        id={id}
        value={typed}
        spellCheck={false}
        rows={Math.min(32, Math.max(12, typed.split("\n").length + 1))}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
            event.currentTarget.form?.requestSubmit();
          }
        }}
        className="w-full rounded-md border border-line-strong bg-sunken p-3 font-mono text-xs leading-5"
      />
      {fault !== undefined && (
        <p role="alert" className="text-sm whitespace-pre-wrap text-bad">
          {t("resources.notYaml", { message: fault })}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>{t("app.cancel")}</Button>
        <Button look="primary" type="submit" disabled={fault !== undefined}>
          {t("resources.preview")}
        </Button>
      </div>
      {asked && (
        <PlanDialog
          title={t("resources.askApply")}
          confirm={t("resources.doApply", { name: asked.name })}
          ask={() => claw(tenant).previews.create({ manifests: [asked.manifest] })}
          onClose={() => setAsked(undefined)}
          onApplied={() => {
            tell("good", t("resources.toldApply", { name: asked.name }));
            void cache.invalidateQueries({ queryKey: [tenant] });
            setAsked(undefined);
            onApplied(asked.name);
          }}
        />
      )}
    </form>
  );
}
