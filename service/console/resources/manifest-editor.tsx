import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import type { Manifest } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Skeleton } from "../parts/states.tsx";
import { tell } from "../parts/toasts.tsx";
import type { Mark } from "../parts/yaml-editor.tsx";
import { type Fault, PlanDialog } from "../plans/plan-dialog.tsx";
import { read, type Written } from "./manifest.ts";
import { placeOf } from "./places.ts";

/** Larger than all the rest of a page, and nothing until somebody writes. */
const YamlEditor = lazy(() => import("../parts/yaml-editor.tsx").then(({ YamlEditor: editor }) => ({ default: editor })));

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
  const form = useRef<HTMLFormElement>(null);
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  const [typed, setTyped] = useState(text);
  const [asked, setAsked] = useState<{ readonly name: string; readonly manifest: Manifest }>();
  const noName = t("resources.noName");
  const written = useMemo(() => read(typed, noName), [typed, noName]);
  const fault = "fault" in written ? written.fault : undefined;
  const marks = useMemo(() => marksOf(typed, written, faults), [typed, written, faults]);
  const change = (next: string) => {
    setTyped(next);
    // They were said of another text.
    setFaults([]);
  };
  return (
    <form
      ref={form}
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if ("manifest" in written) {
          setAsked({ name: written.manifest.metadata.name, manifest: written.manifest as unknown as Manifest });
        }
      }}
    >
      <Suspense fallback={<Skeleton lines={12} className="rounded-md border border-line-strong p-4" />}>
        <YamlEditor
          text={text}
          label={t("resources.manifest")}
          marks={marks}
          onChange={change}
          onSubmit={() => form.current?.requestSubmit()}
        />
      </Suspense>
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
          onFaults={setFaults}
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

/** What is no YAML, else what the service said of the fields. */
function marksOf(text: string, written: Written, faults: readonly Fault[]): readonly Mark[] {
  if ("fault" in written) {
    return written.at ? [{ ...written.at, message: written.fault }] : [];
  }
  return faults.flatMap(({ path, message }) => {
    const place = placeOf(text, path);
    return place ? [{ ...place, message }] : [];
  });
}
