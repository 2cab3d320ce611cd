import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { ApiError, ConflictError, type Plan } from "../../../sdk/client/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { ErrorNote, Skeleton } from "../parts/states.tsx";
import { PlanView } from "./plan-view.tsx";

/** What is wrong with a field. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** Shows what a write would do, and makes exactly that when somebody says so. */
export function PlanDialog({
  title,
  ask,
  confirm,
  danger = false,
  children,
  askKey = "",
  onClose,
  onApplied,
  onFaults,
}: {
  readonly title: string;
  /** Asks the service for the preview. */
  readonly ask: () => Promise<Plan>;
  /** What the button says, naming the thing. */
  readonly confirm: string;
  readonly danger?: boolean;
  /** Choices above the preview. */
  readonly children?: ReactNode;
  /** Changes with these choices: the preview is asked for anew. */
  readonly askKey?: string;
  readonly onClose: () => void;
  readonly onApplied: (plan: Plan) => void;
  /** Is told what the service finds wrong, by field, once it has looked. */
  readonly onFaults?: ((faults: readonly Fault[]) => void) | undefined;
}) {
  const t = useTexts();
  const id = useId();
  const { tenant = "" } = useParams({ strict: false });
  const [wasStale, setStale] = useState(false);
  const preview = useQuery({
    queryKey: ["plan", id, askKey],
    queryFn: ask,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
  });
  const apply = useMutation({
    mutationFn: (plan: Plan) => plan.apply(),
    onSuccess: onApplied,
    onError: (error) => {
      if (error instanceof ConflictError && error.code === "preview.stale") {
        setStale(true);
        apply.reset();
        void preview.refetch();
      }
    },
  });
  const plan = preview.data;
  const told = useRef(onFaults);
  told.current = onFaults;
  useEffect(() => {
    if (preview.error instanceof ApiError) {
      told.current?.(preview.error.issues);
    } else if (preview.data) {
      told.current?.(preview.data.items.flatMap(({ problems }) => problems.filter(({ blocking }) => blocking)));
    }
  }, [preview.error, preview.data]);
  const refusal = plan?.refusal();
  return (
    <Dialog
      title={title}
      size="lg"
      onClose={onClose}
      footer={
        <>
          {plan?.planId !== undefined && (
            <Link
              to="/t/$tenant/previews/$id"
              params={{ tenant, id: plan.id }}
              target="_blank"
              className="mr-auto self-center text-sm text-accent hover:underline"
            >
              {t("previews.link")}
            </Link>
          )}
          <Button onClick={onClose}>{t("app.cancel")}</Button>
          <Button
            look={danger ? "danger" : "primary"}
            disabled={!plan || refusal !== undefined || preview.isFetching}
            isBusy={apply.isPending}
            onClick={() => plan && apply.mutate(plan)}
          >
            {confirm}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4" aria-live="polite" aria-busy={preview.isFetching}>
        {children}
        {wasStale && <p className="text-sm text-warn">{t("plans.stale")}</p>}
        {apply.error && <ErrorNote error={apply.error} />}
        {preview.error ? (
          <ErrorNote error={preview.error} />
        ) : plan ? (
          <>
            {refusal && (
              <p className="text-sm font-medium text-bad">
                {t("plans.refused")}
                {plan.verdicts.every(({ allowed }) => allowed) && `: ${refusal.message}`}
              </p>
            )}
            <PlanView plan={plan} />
          </>
        ) : (
          <div>
            <p className="pb-3 text-sm text-ink-soft">{t("plans.asking")}</p>
            <Skeleton lines={4} />
          </div>
        )}
      </div>
    </Dialog>
  );
}
