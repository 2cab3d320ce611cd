import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import type { Preview, PreviewItem } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead, Panel } from "../parts/panel.tsx";
import { ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { Ago } from "../parts/time.tsx";
import { PlanView } from "../plans/plan-view.tsx";

const ITEMS_MAX = 1_000;

/** A preview by its address: what it would do, how often of each effect, and the way to do exactly that. */
export function PreviewPage() {
  const t = useTexts();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const { tenant = "", id = "" } = useParams({ strict: false });
  const { effect } = useSearch({ strict: false }) as { readonly effect?: string };
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
  const effects = [
    ...Map.groupBy(
      items.filter(({ kind }) => kind === "ClawInstance"),
      (item) => item.effect,
    ),
  ];
  const shown: Preview = { ...plan, items: effect === undefined ? items : items.filter((item) => item.effect === effect) };
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
        {effects.length > 1 && (
          <nav aria-label={t("previews.byEffect")} className="flex flex-wrap gap-2">
            {effects.map(([each, all]) => (
              <Button
                key={each}
                aria-pressed={each === effect}
                look={each === effect ? "primary" : "plain"}
                onClick={() => void navigate({ to: ".", search: each === effect ? {} : { effect: each }, replace: true })}
              >
                <span className="tabular font-semibold">{all.length}</span> {t(`plans.effect_${each}`)}
              </Button>
            ))}
          </nav>
        )}
        <Panel>
          <PlanView plan={shown} />
        </Panel>
      </div>
    </>
  );
}
