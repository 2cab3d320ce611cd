import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import type { Manifest } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Skeleton } from "../parts/states.tsx";
import { tell } from "../parts/toasts.tsx";
import type { Mark } from "../parts/yaml-editor.tsx";
import { type Fault, PlanDialog } from "../plans/plan-dialog.tsx";
import { type Misfit, read, type Written } from "./manifest.ts";
import { placeOf } from "./places.ts";

/** Larger than all the rest of a page, and nothing until somebody writes. */
const YamlEditor = lazy(() => import("../parts/yaml-editor.tsx").then(({ YamlEditor: editor }) => ({ default: editor })));

/** What is typed is checked when somebody pauses, not at each key. */
const PAUSE_MS = 300;

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
  const misfits = useMisfits(written);
  // What the service said of this very text is about more than its schema.
  const wrong = faults.length > 0 ? faults : misfits;
  const marks = useMemo(() => marksOf(typed, written, wrong), [typed, written, wrong]);
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
      <div className="flex items-start justify-end gap-2">
        <p role="status" className="min-w-0 flex-1 text-sm break-words text-warn">
          {fault === undefined && misfits[0] !== undefined && (
            <>
              {misfits[0].message}
              {misfits.length > 1 && <span className="text-ink-faint"> {t("resources.misfits", { count: misfits.length - 1 })}</span>}
            </>
          )}
        </p>
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

/** What of a manifest does not fit its kind's schema, as of a moment ago. */
function useMisfits(written: Written): readonly Misfit[] {
  const [misfits, setMisfits] = useState<readonly Misfit[]>([]);
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(() => {
      void import("./check-manifest.ts")
        .then(({ checkManifest }) => ("manifest" in written ? checkManifest(written.manifest) : []))
        // Without a network nothing is checked here: the preview says the same.
        .catch(() => [])
        .then((found) => {
          if (!isOld) {
            setMisfits(found);
          }
        });
    }, PAUSE_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [written]);
  return misfits;
}

/** What is no YAML, else what is wrong with the fields. */
function marksOf(text: string, written: Written, faults: readonly Fault[]): readonly Mark[] {
  if ("fault" in written) {
    return written.at ? [{ ...written.at, message: written.fault }] : [];
  }
  return faults.flatMap(({ path, message }) => {
    const place = placeOf(text, path);
    return place ? [{ ...place, message }] : [];
  });
}
