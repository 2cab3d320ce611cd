import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ChevronRight, ScrollText, ShieldCheck } from "lucide-react";
import { useDeferredValue } from "react";
import type { AuditRecord } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Input, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Empty, ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import { Properties } from "../plans/plan-view.tsx";
import type { AuditSearch } from "./search.ts";

const PAGE = 100;
const LOOK_MS = 10_000;

/** Who did what in a tenant, newest first. */
export function AuditPage() {
  const t = useTexts();
  const navigate = useNavigate();
  const { tenant = "" } = useParams({ strict: false });
  const search: AuditSearch = useSearch({ strict: false });
  const asked = useDeferredValue(search);
  const set = (change: Partial<AuditSearch>) =>
    void navigate({ to: ".", search: (before: AuditSearch) => ({ ...before, ...change }), replace: true });
  const records = useInfiniteQuery({
    queryKey: [tenant, "audit", asked],
    queryFn: async ({ signal, pageParam }) => {
      const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as AuditSearch;
      return claw(tenant).audit.list({ ...given, limit: PAGE, ...(pageParam !== "" && { cursor: pageParam }) } as object, { signal });
    },
    initialPageParam: "",
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: LOOK_MS,
    retry: false,
  });
  const verify = useMutation({
    mutationFn: async () => {
      let checked = 0;
      for (let from: string | undefined; ; ) {
        const answer = await claw(tenant).audit.verify(from === undefined ? {} : { from });
        checked += answer.checked;
        if (!answer.valid || answer.next === undefined) {
          return { ...answer, checked };
        }
        from = answer.next;
      }
    },
  });
  const items = records.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <PageHead
        title={t("audit.title")}
        note={t("audit.note")}
        actions={
          <>
            <Equivalents tenant={tenant} command="claw audit list" path="/audit" />
            <Button icon={<Icon of={ShieldCheck} size={14} />} isBusy={verify.isPending} onClick={() => verify.mutate()}>
              {t("audit.verify")}
            </Button>
          </>
        }
      />
      <div role="status">
        {verify.data && (
          <p className={`pb-3 text-sm ${verify.data.valid ? "text-good" : "text-bad"}`}>
            {verify.data.valid
              ? t("audit.valid", { count: verify.data.checked })
              : t("audit.invalid", { message: verify.data.fault?.message ?? "" })}
          </p>
        )}
        {verify.error && <ErrorNote error={verify.error} />}
      </div>
      <search className="flex flex-wrap gap-2 pb-3">
        {(["action", "resource", "actor"] as const).map((name) => (
          <Input
            key={name}
            type="search"
            aria-label={t(`audit.by_${name}`)}
            placeholder={t(`audit.by_${name}`)}
            value={search[name] ?? ""}
            onChange={(event) => set({ [name]: event.target.value || undefined })}
            className="min-w-40 flex-1 md:max-w-64"
          />
        ))}
        <Select
          aria-label={t("audit.result")}
          value={search.result ?? ""}
          onChange={(event) => set({ result: event.target.value === "" ? undefined : (event.target.value as "success" | "refused") })}
          options={[
            ["", t("audit.anyResult")],
            ["success", t("audit.success")],
            ["refused", t("audit.refused")],
          ]}
        />
      </search>
      {!items ? (
        records.error ? (
          <Failure error={records.error} onRetry={() => void records.refetch()} />
        ) : (
          <Skeleton lines={8} className="rounded-lg border border-line bg-panel p-4" />
        )
      ) : (
        <div className="rounded-lg border border-line bg-panel">
          {items.length === 0 ? (
            <Empty icon={<Icon of={ScrollText} size={20} />} title={t("audit.none")} />
          ) : (
            <ul>
              {items.map((record) => (
                <RecordRow key={record.sequence} record={record} tenant={tenant} />
              ))}
            </ul>
          )}
          {records.hasNextPage && (
            <div className="flex justify-center p-3">
              <Button isBusy={records.isFetchingNextPage} onClick={() => void records.fetchNextPage()}>
                {t("audit.more")}
              </Button>
            </div>
          )}
        </div>
      )}
    </>
  );
}

function RecordRow({ record, tenant }: { readonly record: AuditRecord; readonly tenant: string }) {
  const t = useTexts();
  const { sequence, time, actor, action, resource, result, reason, from, diff, details } = record;
  const more = Object.entries(details);
  return (
    <li className="border-b border-line last:border-b-0">
      <details className="group">
        <summary className="flex min-h-9 items-center gap-3 px-4 py-1.5 text-sm hover:bg-sunken [&::-webkit-details-marker]:hidden">
          <Icon of={ChevronRight} size={14} className="text-ink-faint transition-transform group-open:rotate-90" />
          <ToneIcon tone={result === "refused" ? "bad" : "good"} size={14} />
          <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-3">
            <code className="font-mono text-xs">{action}</code>
            <span className="font-medium break-all">{resource?.name}</span>
            <span className="break-all text-ink-soft">{actor}</span>
            {reason !== undefined && <code className="font-mono text-xs text-bad">{reason}</code>}
          </span>
          <span className="text-xs text-ink-faint">
            <Ago time={time} />
          </span>
        </summary>
        <div className="flex flex-col gap-2 px-4 pb-3 pl-12 text-sm text-ink-soft">
          <p className="flex flex-wrap gap-x-3 text-xs">
            <span className="tabular">#{sequence}</span>
            <span>{time}</span>
            {from.address !== undefined && (
              <span>
                {t("audit.from")} {from.address}
              </span>
            )}
            {from.agent !== undefined && <span className="break-all">{from.agent}</span>}
            {from.requestId !== undefined && <code className="font-mono">{from.requestId}</code>}
          </p>
          {resource?.kind === "ClawInstance" && (
            <Link
              to="/t/$tenant/instances/$id/{-$tab}"
              params={{ tenant, id: resource.name, tab: undefined }}
              className="text-accent hover:underline"
            >
              {resource.kind}/{resource.name}
            </Link>
          )}
          {diff.length > 0 && <Properties diffs={diff} />}
          {more.length > 0 && (
            <p className="flex flex-wrap gap-x-3 font-mono text-xs">
              {more.map(([name, value]) => (
                <span key={name} className="break-all">
                  {name}={value}
                </span>
              ))}
            </p>
          )}
        </div>
      </details>
    </li>
  );
}
