import { shareOf } from "../app/amounts.ts";
import { useTexts } from "../app/preferences.ts";

/** How much of what there is is used, as a bar and in words. */
export function Meter({ label, used, hard }: { readonly label: string; readonly used: string; readonly hard: string | undefined }) {
  const t = useTexts();
  const share = hard === undefined ? undefined : shareOf(used, hard);
  return (
    <div className="flex flex-col gap-1 text-sm">
      <span className="flex justify-between gap-2">
        {label}
        <span className="tabular text-ink-soft">
          {hard === undefined ? t("overview.unlimited", { used }) : t("overview.quotaUsed", { used, hard })}
        </span>
      </span>
      {share !== undefined && (
        <span
          role="meter"
          aria-label={label}
          aria-valuenow={Math.round(share * 100)}
          aria-valuemin={0}
          aria-valuemax={Math.max(100, Math.round(share * 100))}
          className="h-1.5 overflow-hidden rounded-sm bg-sunken"
        >
          <span
            className={`block h-full rounded-sm ${share >= 1 ? "bg-bad" : share >= 0.8 ? "bg-warn" : "bg-accent"}`}
            style={{ width: `${Math.min(100, share * 100)}%` }}
          />
        </span>
      )}
    </div>
  );
}
