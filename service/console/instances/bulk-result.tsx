import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useMemo } from "react";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { type Action, OUTCOMES, outcomeOf } from "./outcome.ts";
import { worryOf } from "./state.ts";

const TONES = { failed: "bad", pending: "busy", done: "good" } as const;

/** What became of each of the instances that something was done to, as it goes on. */
export function BulkResult({
  action,
  names,
  instances,
  tenant,
  onClose,
}: {
  readonly action: Action;
  readonly names: readonly string[];
  readonly instances: readonly ClawInstance[];
  readonly tenant: string;
  readonly onClose: () => void;
}) {
  const t = useTexts();
  const results = useMemo(() => {
    const wanted = new Set(names);
    const known = new Map(instances.filter(({ metadata }) => wanted.has(metadata.name)).map((each) => [each.metadata.name, each]));
    const all = names.map((name) => {
      const instance = known.get(name);
      return { name, instance, outcome: outcomeOf(action, instance) };
    });
    return all.sort((a, b) => OUTCOMES.indexOf(a.outcome) - OUTCOMES.indexOf(b.outcome));
  }, [action, names, instances]);
  const counted = OUTCOMES.map((outcome) => [outcome, results.filter((result) => result.outcome === outcome).length] as const);
  return (
    <section aria-label={t("instances.bulk")} className="appear relative mb-3 rounded-lg border border-line bg-panel text-sm">
      <details>
        <summary className="flex min-h-10 flex-wrap items-center gap-x-4 gap-y-1 py-1 pr-12 pl-4 max-md:pr-14">
          <span className="font-medium">{t(`instances.act_${action}`)}</span>
          <span role="status" className="flex flex-wrap gap-x-4">
            {counted
              .filter(([, count]) => count > 0)
              .map(([outcome, count]) => (
                <span key={outcome} className="flex items-center gap-1.5">
                  <ToneIcon tone={TONES[outcome]} size={14} />
                  <span className="tabular">{t(`instances.bulk_${outcome}`, { count })}</span>
                </span>
              ))}
          </span>
          <span className="ml-auto text-accent">{t("instances.bulkEach")}</span>
        </summary>
        <ul className="max-h-64 overflow-y-auto border-t border-line">
          {results.map(({ name, instance, outcome }) => {
            const worry = instance && worryOf(instance);
            return (
              <li key={name} className="flex items-center gap-2 border-b border-line px-4 py-1.5 last:border-b-0">
                <ToneIcon tone={TONES[outcome]} size={14} />
                <span className="sr-only">{t(`instances.bulkOne_${outcome}`)}</span>
                {instance ? (
                  <Link
                    to="/t/$tenant/instances/$id/{-$tab}"
                    params={{ tenant, id: name, tab: undefined }}
                    className="font-medium hover:text-accent hover:underline"
                  >
                    {name}
                  </Link>
                ) : (
                  <span className="font-medium">{name}</span>
                )}
                <span className="min-w-0 truncate text-ink-soft">
                  {outcome === "failed" && worry ? `${worry.reason} ${worry.message}` : t(`instances.bulkOne_${outcome}`)}
                </span>
              </li>
            );
          })}
        </ul>
      </details>
      <IconButton label={t("app.close")} icon={<Icon of={X} />} onClick={onClose} className="absolute top-1 right-1" />
    </section>
  );
}
