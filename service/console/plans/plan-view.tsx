import { ChevronRight, CircleCheck, CircleX, TriangleAlert } from "lucide-react";
import type { Preview, PreviewItem, PropertyDiff, ResourceChange } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Icon } from "../parts/icon.tsx";
import { FileChange } from "./file-change.tsx";

const SIGNS = { create: "+", update: "~", delete: "−", same: "=", replace: "±", read: "·", import: "↓" } as const;
const SIGN_COLOURS = {
  create: "text-good",
  update: "text-warn",
  delete: "text-bad",
  same: "text-ink-faint",
  replace: "text-bad",
  read: "text-ink-faint",
  import: "text-accent",
} as const;

/** What a write would do: refusals first, then each thing that changes, with its properties, files and resources. */
export function PlanView({ plan }: { readonly plan: Preview }) {
  const t = useTexts();
  const { create, update, replace, delete: remove } = plan.summary;
  const changed = plan.items.filter(isChange);
  const hidden = plan.summary.items.create + plan.summary.items.update + plan.summary.items.delete - changed.length;
  const told = plan.verdicts.filter(({ allowed, violated }) => !allowed || violated !== undefined);
  const kept = plan.verdicts.filter((verdict) => !told.includes(verdict));
  return (
    <div className="flex flex-col gap-4 text-sm">
      {told.length > 0 && (
        <ul aria-label={t("plans.verdicts")} className="flex flex-col gap-1">
          {told.map(({ kind, name, allowed, violated, message, fix }) => (
            <li key={`${kind} ${name} ${message}`} className="flex gap-2">
              <Icon
                of={allowed ? (violated ? TriangleAlert : CircleCheck) : CircleX}
                className={`mt-0.5 ${allowed ? (violated ? "text-warn" : "text-good") : "text-bad"}`}
              />
              <span className="min-w-0">
                <span className={allowed ? "" : "font-medium"}>{message}</span>
                {!allowed && fix !== undefined && !message.includes(fix) && <span className="block text-ink-soft">{fix}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
      {changed.length === 0 && create + update + replace + remove === 0 && <p className="text-ink-soft">{t("plans.nothing")}</p>}
      {changed.length > 0 && (
        <ul aria-label={t("plans.changes")} className="flex flex-col gap-2">
          {changed.map((item) => (
            <Item key={`${item.kind} ${item.tenant} ${item.name}`} item={item} isAlone={changed.length === 1} />
          ))}
        </ul>
      )}
      {hidden > 0 && <p className="text-ink-soft">{t("plans.more", { count: hidden })}</p>}
      {kept.length > 0 && (
        <details className="text-ink-soft">
          <summary className="flex items-center gap-2 hover:text-ink">
            <Icon of={CircleCheck} className="text-good" />
            {t(told.some(({ allowed }) => !allowed) ? "plans.othersAllow" : "plans.allowed", { count: kept.length })}
          </summary>
          <ul className="flex flex-col gap-0.5 pt-1 pl-6">
            {kept.map(({ kind, name, message }) => (
              <li key={`${kind} ${name} ${message}`}>{message}</li>
            ))}
          </ul>
        </details>
      )}
      {create + update + replace + remove > 0 && (
        <p className="text-ink-faint">
          {t("plans.resources", {
            counts: (
              [
                ["create", create],
                ["update", update],
                ["replace", replace],
                ["delete", remove],
              ] as const
            )
              .filter(([, count]) => count > 0)
              .map(([op, count]) => `${count} ${t(`plans.op_${op}`)}`)
              .join(", "),
          })}
        </p>
      )}
    </div>
  );
}

/** What neither changes nor has anything said of it is not worth a line. */
function isChange({ op, effect, problems, resources }: PreviewItem): boolean {
  return op !== "same" || effect !== "none" || problems.length > 0 || resources.some((resource) => resource.op !== "same");
}

/** Of something that is new, what says that there is nothing. */
function isNothing(value: string | undefined): boolean {
  return value === "{}" || value === "[]";
}

function Item({ item, isAlone }: { readonly item: PreviewItem; readonly isAlone: boolean }) {
  const t = useTexts();
  const resources = item.resources.filter(({ op }) => op !== "same");
  const files = item.files.filter(({ diff }) => diff !== "");
  const effect = item.kind === "ClawInstance" && item.effect !== "none" ? t(`plans.effect_${item.effect}`) : t(`plans.op_${item.op}`);
  return (
    <li>
      <details open={isAlone} className="group rounded-md border border-line bg-panel">
        <summary className="flex min-h-9 flex-wrap items-center gap-x-2 px-3 py-1.5 [&::-webkit-details-marker]:hidden">
          <Icon of={ChevronRight} size={14} className="text-ink-faint transition-transform group-open:rotate-90" />
          <Sign op={item.op} />
          <span className="font-mono text-xs">
            {item.kind}/{item.name}
          </span>
          <span className="text-ink-soft">{effect}</span>
          {item.placement?.from !== undefined && (
            <span className="text-ink-soft">
              {item.placement.from} → {item.placement.cluster}
            </span>
          )}
        </summary>
        <div className="flex flex-col gap-3 border-t border-line p-3">
          {item.problems.map(({ path, message, fix, blocking, warning }) => (
            <div key={`${path} ${message}`} className="flex gap-2">
              <Icon of={blocking ? CircleX : TriangleAlert} className={`mt-0.5 ${blocking ? "text-bad" : "text-warn"}`} />
              <span className="min-w-0 break-words">
                <span className="text-ink-faint">{t(blocking ? "plans.blocking" : warning ? "plans.warning" : "plans.waitsFor")}: </span>
                {path !== "" && <code className="font-mono text-xs">{path}</code>} {message}
                {fix !== undefined && <span className="block text-ink-soft">{fix}</span>}
              </span>
            </div>
          ))}
          {item.unchecked !== undefined && <p className="text-ink-soft">{item.unchecked}</p>}
          {item.diffs.length > 0 && (
            <Properties diffs={item.op === "create" ? item.diffs.filter(({ after }) => !isNothing(after)) : item.diffs} />
          )}
          {files.map((file) => (
            <FileChange key={file.path} file={file} />
          ))}
          {resources.length > 0 && (
            <ul className="flex flex-col gap-1">
              {resources.map((resource) => (
                <ResourceRow key={resource.urn} resource={resource} />
              ))}
            </ul>
          )}
          {item.cut !== undefined && <p className="text-ink-soft">{item.cut}</p>}
        </div>
      </details>
    </li>
  );
}

function Sign({ op }: { readonly op: keyof typeof SIGNS }) {
  const t = useTexts();
  return (
    <span role="img" aria-label={t(`plans.op_${op}`)} className={`w-3 text-center font-mono font-semibold ${SIGN_COLOURS[op]}`}>
      {SIGNS[op]}
    </span>
  );
}

function ResourceRow({ resource: { op, type, name, diffs } }: { readonly resource: ResourceChange }) {
  return (
    <li className="flex flex-col gap-1">
      <span className="flex flex-wrap items-center gap-2 text-xs">
        <Sign op={op} />
        <span className="font-mono">{type}</span>
        <span className="font-mono break-all text-ink-soft">{name}</span>
      </span>
      {op !== "create" && op !== "delete" && diffs.length > 0 && (
        <div className="pl-5">
          <Properties diffs={diffs} />
        </div>
      )}
    </li>
  );
}

/** Properties that differ, each with what it was and what it is. */
export function Properties({ diffs }: { readonly diffs: readonly PropertyDiff[] }) {
  const t = useTexts();
  return (
    <div className="overflow-x-auto">
      <table className="text-xs">
        <thead className="sr-only">
          <tr>
            <th>{t("plans.properties")}</th>
            <th>{t("plans.before")}</th>
            <th>{t("plans.after")}</th>
          </tr>
        </thead>
        <tbody>
          {diffs.map(({ path, before, after, replaces }) => (
            <tr key={path} className="align-top">
              <td className="min-w-40 py-0.5 pr-6 font-mono break-all text-ink-soft">
                {path}
                {replaces && <span className="text-bad"> ±</span>}
              </td>
              <td className="py-0.5 pr-6 font-mono break-all text-bad">
                {before !== undefined && <del className="no-underline">{before}</del>}
              </td>
              <td className="py-0.5 font-mono break-all text-good">{after !== undefined && <ins className="no-underline">{after}</ins>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
