import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Layers, LockOpen, type LucideIcon, OctagonX, RefreshCw } from "lucide-react";
import { useState } from "react";
import { NotFoundError } from "../../../sdk/client/index.ts";
import type { StackUpdate } from "../../../sdk/contract/index.ts";
import { allows, claw, meQuery } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { fleetQuery } from "../instances/queries.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead, Panel } from "../parts/panel.tsx";
import { Empty, ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import { tell } from "../parts/toasts.tsx";
import { type Branch, treeOf } from "./tree.ts";

const HISTORY = 50;
const LOOK_MS = 4_000;
const LOCAL = "local";
const TONES = { succeeded: "good", failed: "bad", "in-progress": "busy" } as const;
const ACTS = { refresh: RefreshCw, cancel: OctagonX, unlock: LockOpen } as const satisfies Record<string, LucideIcon>;
type Act = keyof typeof ACTS;

/** A tenant's stacks: what has been done to each, and what is in it. */
export function StacksPage() {
  const t = useTexts();
  const { tenant = "", stack: named } = useParams({ strict: false });
  const clusters = [...new Set((useQuery(fleetQuery(tenant)).data?.items ?? []).map(({ status }) => status.cluster))].sort();
  const names = [...new Set([tenant, ...clusters.map((cluster) => (cluster === LOCAL ? tenant : `${tenant}.${cluster}`))])];
  const stack = named ?? names.find((name) => name !== tenant || clusters.includes(LOCAL)) ?? tenant;
  return (
    <>
      <PageHead
        title={t("stacks.title")}
        note={t("stacks.note")}
        actions={<Equivalents tenant={tenant} command={`claw stacks history ${stack}`} path={`/stacks/${stack}/history`} />}
      />
      {names.length > 1 && (
        <nav aria-label={t("stacks.title")} className="mb-4 flex gap-1 overflow-x-auto border-b border-line">
          {names.map((name) => (
            <Link
              key={name}
              to="/t/$tenant/stacks/{-$stack}"
              params={{ tenant, stack: name }}
              aria-current={name === stack ? "page" : undefined}
              className={`-mb-px border-b-2 px-3 py-2 text-sm whitespace-nowrap max-md:py-3 ${name === stack ? "border-accent font-medium text-ink" : "border-transparent text-ink-soft hover:text-ink"}`}
            >
              {name}
            </Link>
          ))}
        </nav>
      )}
      <Stack key={stack} name={stack} tenant={tenant} />
    </>
  );
}

function Stack({ name, tenant }: { readonly name: string; readonly tenant: string }) {
  const t = useTexts();
  const cache = useQueryClient();
  const me = useQuery(meQuery(tenant)).data;
  const mayOperate = me !== undefined && allows(me, "stacks.operate");
  const [asked, setAsked] = useState<Act>();
  const history = useQuery({
    queryKey: [tenant, "stack", name],
    queryFn: async ({ signal }) => (await claw(tenant).stacks.history(name, { limit: HISTORY }, { signal })).items,
    refetchInterval: LOOK_MS,
  });
  const act = useMutation({
    mutationFn: async (which: Act): Promise<void> => {
      await claw(tenant).stacks[which](name);
    },
    onSuccess: () => {
      tell("good", t("stacks.told", { name }));
      setAsked(undefined);
      void cache.invalidateQueries({ queryKey: [tenant] });
    },
  });
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel
        title={t("stacks.history")}
        padded={false}
        aside={
          <span className="flex flex-wrap gap-2">
            {(Object.keys(ACTS) as Act[]).map((each) => (
              <Button
                key={each}
                icon={<Icon of={ACTS[each]} size={14} />}
                disabled={!mayOperate}
                title={mayOperate ? undefined : t("instances.mayNot", { permission: "stacks.operate" })}
                onClick={() => {
                  act.reset();
                  setAsked(each);
                }}
              >
                {t(`stacks.act_${each}`)}
              </Button>
            ))}
          </span>
        }
      >
        {!history.data ? (
          history.error instanceof NotFoundError ? (
            <Empty icon={<Icon of={Layers} size={20} />} title={t("stacks.historyNone")} />
          ) : history.error ? (
            <Failure error={history.error} onRetry={() => void history.refetch()} />
          ) : (
            <Skeleton lines={6} className="p-4" />
          )
        ) : history.data.length === 0 ? (
          <Empty icon={<Icon of={Layers} size={20} />} title={t("stacks.historyNone")} />
        ) : (
          <ol>
            {history.data.map((update) => (
              <UpdateRow key={`${update.version} ${update.startTime}`} update={update} />
            ))}
          </ol>
        )}
      </Panel>
      <ResourcesPanel name={name} tenant={tenant} mayRead={mayOperate} />
      {asked && (
        <Dialog
          title={t(`stacks.ask_${asked}`, { name })}
          size="sm"
          onClose={() => setAsked(undefined)}
          footer={
            <>
              <Button onClick={() => setAsked(undefined)}>{t("app.cancel")}</Button>
              <Button look={asked === "refresh" ? "primary" : "danger"} isBusy={act.isPending} onClick={() => act.mutate(asked)}>
                {t(`stacks.act_${asked}`)}
              </Button>
            </>
          }
        >
          <p className="text-sm text-ink-soft">{t(`stacks.help_${asked}`)}</p>
          {act.error && <ErrorNote error={act.error} />}
        </Dialog>
      )}
    </div>
  );
}

function UpdateRow({ update: { version, kind, result, startTime, endTime, message, resourceChanges } }: { readonly update: StackUpdate }) {
  const t = useTexts();
  const changed = Object.entries(resourceChanges).filter(([op]) => op !== "same");
  const seconds = Math.max(0, (Date.parse(endTime) - Date.parse(startTime)) / 1000).toFixed(1);
  return (
    <li className="flex gap-3 border-b border-line px-4 py-2.5 text-sm last:border-b-0">
      <span className="pt-0.5">
        <ToneIcon tone={TONES[result]} />
      </span>
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span className="tabular text-ink-faint">{version}</span>
          <span className="font-medium">{kind}</span>
          <span className="text-ink-soft">{t(`stacks.result_${result}`)}</span>
          {changed.map(([op, count]) => (
            <span key={op} className="tabular text-ink-soft">
              {op} {count}
            </span>
          ))}
          <span className="tabular ml-auto text-xs text-ink-faint">
            {result !== "in-progress" && t("stacks.took", { seconds })} <Ago time={startTime} />
          </span>
        </p>
        {message !== "" && <p className="break-words text-ink-soft">{message}</p>}
      </div>
    </li>
  );
}

function ResourcesPanel({ name, tenant, mayRead }: { readonly name: string; readonly tenant: string; readonly mayRead: boolean }) {
  const t = useTexts();
  const state = useMutation({ mutationFn: () => claw(tenant).stacks.export(name) });
  const pending = state.data?.deployment.pending_operations?.length ?? 0;
  return (
    <Panel
      title={t("stacks.resources")}
      aside={
        <Button isBusy={state.isPending} disabled={!mayRead} onClick={() => state.mutate()}>
          {t("stacks.resourcesShow")}
        </Button>
      }
    >
      {state.error && <ErrorNote error={state.error} />}
      {state.data ? (
        <div className="flex flex-col gap-2 text-sm">
          <p className="text-ink-soft">{t("stacks.count", { count: state.data.deployment.resources?.length ?? 0 })}</p>
          {pending > 0 && <p className="text-warn">{t("stacks.pending", { count: pending })}</p>}
          <Branches branches={treeOf(state.data)} />
        </div>
      ) : (
        <p className="text-sm text-ink-soft">{t("stacks.resourcesHelp")}</p>
      )}
    </Panel>
  );
}

function Branches({ branches }: { readonly branches: readonly Branch[] }) {
  return (
    <ul className="flex flex-col gap-0.5 [&_ul]:ml-2 [&_ul]:border-l [&_ul]:border-line [&_ul]:pl-3">
      {branches.map(({ urn, type, name, id, children }) => (
        <li key={urn}>
          <p className="flex flex-wrap items-baseline gap-x-2 py-0.5">
            <span className="font-medium break-all">{name}</span>
            <code className="font-mono text-xs break-all text-ink-faint">{type}</code>
            {id !== undefined && id !== name && <code className="font-mono text-xs break-all text-ink-faint">{id}</code>}
          </p>
          {children.length > 0 && <Branches branches={children} />}
        </li>
      ))}
    </ul>
  );
}
