import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ChevronRight, CircleCheck, History } from "lucide-react";
import type { AuditRecord, ClawInstance, QuotaStatus } from "../../../sdk/contract/index.ts";
import { allows, claw, meQuery } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { fleetQuery } from "../instances/queries.ts";
import { InstanceStatus } from "../instances/standing.tsx";
import { countStandings, STANDINGS, type Standing, standingOf, worryOf } from "../instances/state.ts";
import { Icon } from "../parts/icon.tsx";
import { Meter } from "../parts/meter.tsx";
import { PageHead, Panel } from "../parts/panel.tsx";
import { Failure, Skeleton } from "../parts/states.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import type { Tone } from "../parts/tone.ts";

const ATTENTION_SHOWN = 8;
const CHANGES_SHOWN = 10;
const LOOK_MS = 10_000;
const TONES: Readonly<Record<Standing, Tone>> = { ok: "good", changing: "busy", stopped: "off", attention: "warn", failed: "bad" };
/** Numbers in the order in which a fleet is best: what is as it should be, then what needs somebody. */
const SHOWN = ["ok", "changing", "attention", "failed", "stopped"] as const satisfies readonly Standing[];
const BARS: Readonly<Record<Standing, string>> = {
  ok: "bg-good",
  changing: "bg-accent",
  stopped: "bg-line-strong",
  attention: "bg-warn",
  failed: "bg-bad",
};

/** The fleet at a glance: what needs somebody first, then what changed, and what is left of the quota. */
export function OverviewPage() {
  const t = useTexts();
  const { tenant = "" } = useParams({ strict: false });
  const fleet = useQuery(fleetQuery(tenant));
  const me = useQuery(meQuery(tenant)).data;
  if (!fleet.data) {
    return fleet.error ? <Failure error={fleet.error} onRetry={() => void fleet.refetch()} /> : <Skeleton lines={8} />;
  }
  const { items } = fleet.data;
  return (
    <>
      <PageHead title={t("overview.title")} />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(18rem,2fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          <FleetPanel items={items} tenant={tenant} />
          <AttentionPanel items={items} tenant={tenant} />
          {me && allows(me, "audit.read") && <ChangesPanel tenant={tenant} />}
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          {me && allows(me, "tenants.read") && <QuotaPanel tenant={tenant} />}
          <CountPanel title={t("overview.types")} names={items.map(({ spec }) => spec.type)} tenant={tenant} />
          <CountPanel title={t("overview.placed")} names={items.map(({ status }) => status.cluster)} tenant={tenant} />
        </div>
      </div>
    </>
  );
}

function FleetPanel({ items, tenant }: { readonly items: readonly ClawInstance[]; readonly tenant: string }) {
  const t = useTexts();
  const counts = countStandings(items);
  return (
    <Panel title={t("overview.fleet")}>
      <div aria-hidden="true" className="mb-3 flex h-2 gap-0.5 overflow-hidden rounded-sm bg-sunken">
        {SHOWN.filter((standing) => counts[standing] > 0).map((standing) => (
          <div key={standing} className={BARS[standing]} style={{ width: `${(100 * counts[standing]) / items.length}%` }} />
        ))}
      </div>
      <ul className="grid grid-cols-3 gap-2 sm:grid-cols-5">
        {SHOWN.map((standing) => (
          <li key={standing}>
            <Link
              to="/t/$tenant/instances"
              params={{ tenant }}
              search={{ state: standing }}
              className="flex flex-col rounded-md px-2 py-1.5 hover:bg-sunken"
            >
              <span className={`tabular text-2xl font-semibold ${counts[standing] === 0 ? "text-ink-faint" : ""}`}>{counts[standing]}</span>
              <span className="flex items-center gap-1.5 text-sm text-ink-soft">
                <ToneIcon tone={TONES[standing]} size={14} />
                {t(`instances.standing_${standing}`)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function AttentionPanel({ items, tenant }: { readonly items: readonly ClawInstance[]; readonly tenant: string }) {
  const t = useTexts();
  const worst = items
    .filter((instance) => ["failed", "attention"].includes(standingOf(instance)))
    .sort((a, b) => STANDINGS.indexOf(standingOf(a)) - STANDINGS.indexOf(standingOf(b)));
  return (
    <Panel title={t("overview.attention")} padded={false}>
      {worst.length === 0 ? (
        <p className="flex items-center gap-2 p-4 text-sm text-ink-soft">
          <Icon of={CircleCheck} className="text-good" />
          {t("overview.allWell")}
        </p>
      ) : (
        <ul>
          {worst.slice(0, ATTENTION_SHOWN).map((instance) => {
            const worry = worryOf(instance);
            return (
              <li key={instance.metadata.uid} className="border-b border-line last:border-b-0">
                <Link
                  to="/t/$tenant/instances/$id/{-$tab}"
                  params={{ tenant, id: instance.metadata.name, tab: undefined }}
                  className="flex items-center gap-3 px-4 py-2 text-sm hover:bg-sunken"
                >
                  <InstanceStatus instance={instance} />
                  <span className="min-w-0 flex-1">
                    <span className="font-medium">{instance.metadata.name}</span>
                    <span className="block truncate text-ink-soft">
                      {worry?.reason} {worry?.message}
                    </span>
                  </span>
                  <Icon of={ChevronRight} className="text-ink-faint" />
                </Link>
              </li>
            );
          })}
          {worst.length > ATTENTION_SHOWN && (
            <li>
              <Link
                to="/t/$tenant/instances"
                params={{ tenant }}
                search={{ sort: "state" }}
                className="block px-4 py-2 text-sm text-accent hover:underline"
              >
                {t("overview.moreAttention", { count: worst.length - ATTENTION_SHOWN })}
              </Link>
            </li>
          )}
        </ul>
      )}
    </Panel>
  );
}

function ChangesPanel({ tenant }: { readonly tenant: string }) {
  const t = useTexts();
  const changes = useQuery({
    queryKey: [tenant, "audit", "lately"],
    queryFn: async ({ signal }) => (await claw(tenant).audit.list({ limit: CHANGES_SHOWN }, { signal })).items,
    refetchInterval: LOOK_MS,
  });
  return (
    <Panel title={t("overview.changes")} padded={false}>
      {!changes.data ? (
        changes.error ? (
          <Failure error={changes.error} />
        ) : (
          <Skeleton lines={4} className="p-4" />
        )
      ) : changes.data.length === 0 ? (
        <p className="p-4 text-sm text-ink-soft">{t("overview.noChanges")}</p>
      ) : (
        <ul>
          {changes.data.map((record) => (
            <ChangeRow key={record.sequence} record={record} tenant={tenant} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function ChangeRow({
  record: { time, actor, action, resource, result },
  tenant,
}: {
  readonly record: AuditRecord;
  readonly tenant: string;
}) {
  return (
    <li className="flex items-center gap-3 border-b border-line px-4 py-2 text-sm last:border-b-0">
      {result === "refused" ? <ToneIcon tone="bad" /> : <Icon of={History} size={15} className="text-ink-faint" />}
      <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-2">
        <code className="font-mono text-xs">{action}</code>
        {resource?.kind === "ClawInstance" ? (
          <Link
            to="/t/$tenant/instances/$id/{-$tab}"
            params={{ tenant, id: resource.name, tab: undefined }}
            className="font-medium hover:text-accent hover:underline"
          >
            {resource.name}
          </Link>
        ) : (
          <span className="break-all">{resource?.name}</span>
        )}
        <span className="break-all text-ink-faint">{actor}</span>
      </span>
      <span className="text-xs text-ink-faint">
        <Ago time={time} />
      </span>
    </li>
  );
}

const QUOTAS = ["instances", "cpu", "memory", "storage"] as const;

function QuotaPanel({ tenant }: { readonly tenant: string }) {
  const t = useTexts();
  const quota = useQuery({
    queryKey: [tenant, "quota"],
    queryFn: ({ signal }): Promise<QuotaStatus> => claw(tenant).tenants.quota(tenant, { signal }),
    refetchInterval: LOOK_MS,
  });
  return (
    <Panel title={t("overview.quota")}>
      {quota.data ? (
        <ul className="flex flex-col gap-3">
          {QUOTAS.map((name) => {
            const hard = quota.data.hard[name];
            return (
              <li key={name}>
                <Meter
                  label={t(`overview.quota_${name}`)}
                  used={String(quota.data.used[name])}
                  hard={hard === undefined ? undefined : String(hard)}
                />
              </li>
            );
          })}
        </ul>
      ) : quota.error ? (
        <Failure error={quota.error} />
      ) : (
        <Skeleton lines={4} />
      )}
    </Panel>
  );
}

function CountPanel({ title, names, tenant }: { readonly title: string; readonly names: readonly string[]; readonly tenant: string }) {
  const counts = [...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length] as const).sort((a, b) => b[1] - a[1]);
  if (counts.length === 0) {
    return null;
  }
  return (
    <Panel title={title} padded={false}>
      <ul className="py-1">
        {counts.map(([name, count]) => (
          <li key={name}>
            <Link
              to="/t/$tenant/instances"
              params={{ tenant }}
              search={{ q: name }}
              className="flex justify-between gap-2 px-4 py-1.5 text-sm hover:bg-sunken"
            >
              <span className="truncate">{name}</span>
              <span className="tabular text-ink-soft">{count}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
