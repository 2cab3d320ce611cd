import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import type { Preview, PreviewItem } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { fleetQuery } from "../instances/queries.ts";
import { Button } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead, Panel } from "../parts/panel.tsx";
import { ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { Ago } from "../parts/time.tsx";
import { PlanView } from "../plans/plan-view.tsx";
import { FACETS, type Facet, facetOf, RING, reachOf, ringsOf } from "./reach.ts";

const ITEMS_MAX = 1_000;

/** A preview by its address: what it would do, how often of each effect, and the way to do exactly that. */
export function PreviewPage() {
  const t = useTexts();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const { tenant = "", id = "" } = useParams({ strict: false });
  const search = useSearch({ strict: false }) as Readonly<Partial<Record<Facet, string>>>;
  const rings = ringsOf(useQuery(fleetQuery(tenant, RING)).data?.items ?? []);
  const choose = (facet: Facet, value: string) =>
    void navigate({ to: ".", search: { ...search, [facet]: search[facet] === value ? undefined : value }, replace: true });
  const preview = useQuery({
    queryKey: [tenant, "preview", id],
    queryFn: async ({ signal }) => {
      const plan = await claw(tenant).previews.get(id, { signal });
      const items: PreviewItem[] = [];
      for await (const item of plan.changes({ signal })) {
        items.push(item);
        if (items.length === ITEMS_MAX) {
          break;
        }
      }
      return { plan, items };
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const apply = useMutation({
    mutationFn: () => claw(tenant).previews.apply(id),
    onSuccess: () => cache.invalidateQueries({ queryKey: [tenant] }),
  });
  if (!preview.data) {
    return preview.error ? <Failure error={preview.error} onRetry={() => void preview.refetch()} /> : <Skeleton lines={8} />;
  }
  const { plan, items } = preview.data;
  const refusal = plan.refusal();
  const instances = items.filter(({ kind }) => kind === "ClawInstance");
  const reach = reachOf(instances, (name) => rings.get(name));
  const chosen = (item: PreviewItem) =>
    FACETS.every((facet) => search[facet] === undefined || facetOf(facet, item, rings.get(item.name)) === search[facet]);
  const shown: Preview = { ...plan, items: items.filter(chosen) };
  const [before, after] = t("previews.note", { ago: "\u0000" }).split("\u0000");
  return (
    <>
      <PageHead
        title={t("previews.title")}
        note={
          <>
            {before}
            <Ago time={plan.createdAt} />
            {after}
          </>
        }
        actions={
          <>
            <Equivalents tenant={tenant} command={`claw apply --plan ${plan.planId ?? id}`} path={`/previews/${id}`} />
            <Button
              look="primary"
              disabled={refusal !== undefined || apply.isSuccess}
              isBusy={apply.isPending}
              onClick={() => apply.mutate()}
            >
              {t("previews.apply")}
            </Button>
          </>
        }
      />
      <div className="flex flex-col gap-4">
        <div role="status" className="empty:hidden">
          {apply.isSuccess && (
            <p className="flex items-center gap-2 text-good">
              <Icon of={CircleCheck} />
              {t("previews.applied")}
            </p>
          )}
          {apply.error && <ErrorNote error={apply.error} />}
          {refusal && !apply.isSuccess && <p className="text-sm text-bad">{refusal.message || t("previews.noPlan")}</p>}
        </div>
        {reach.length > 0 && (
          <Panel title={t("previews.reach")}>
            <div className="grid gap-x-8 gap-y-4 sm:grid-cols-2 lg:grid-cols-4">
              {reach.map(([facet, counts]) => (
                <section key={facet} aria-label={t(`previews.by_${facet}`)}>
                  <h3 className="pb-1 text-xs font-medium text-ink-faint">{t(`previews.by_${facet}`)}</h3>
                  <ul className="flex flex-col gap-1">
                    {counts.map(([value, count]) => (
                      <li key={value}>
                        <button
                          type="button"
                          aria-pressed={search[facet] === value}
                          onClick={() => choose(facet, value)}
                          className="relative flex min-h-7 w-full justify-between gap-3 overflow-hidden rounded-md px-2 py-1 text-left text-sm hover:bg-sunken aria-pressed:outline-2 aria-pressed:outline-accent max-md:min-h-11 max-md:items-center"
                        >
                          <span
                            aria-hidden="true"
                            className="absolute inset-y-0 left-0 bg-accent-soft"
                            style={{ width: `${(100 * count) / instances.length}%` }}
                          />
                          <span className="relative min-w-0 break-words">
                            {facet === "effect" ? t(`plans.effect_${value as PreviewItem["effect"]}`) : value}
                          </span>
                          <span className="tabular relative font-medium">{count}</span>
                        </button>
                      </li>
                    ))}
                  </ul>
                </section>
              ))}
            </div>
          </Panel>
        )}
        <Panel>
          <PlanView plan={shown} />
        </Panel>
      </div>
    </>
  );
}
