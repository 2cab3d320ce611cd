import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Truck } from "lucide-react";
import { useState } from "react";
import type { ClusterStatus } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { Meter } from "../parts/meter.tsx";
import { Panel } from "../parts/panel.tsx";
import { ErrorNote, Skeleton } from "../parts/states.tsx";
import { tell } from "../parts/toasts.tsx";
import type { AnyResource } from "./kinds.ts";

const AMOUNTS = ["instances", "cpu", "memory"] as const;

/** What a cluster has and what is placed on it, and the way to empty it. */
export function ClusterPanel({
  cluster,
  tenant,
  mayWrite,
}: {
  readonly cluster: AnyResource;
  readonly tenant: string;
  readonly mayWrite: boolean;
}) {
  const t = useTexts();
  const [isDraining, setDraining] = useState(false);
  const { nodes, version, capacity, allocated } = cluster.status as unknown as ClusterStatus;
  return (
    <Panel
      title={t("resources.capacity")}
      aside={
        <Button icon={<Icon of={Truck} size={14} />} disabled={!mayWrite} onClick={() => setDraining(true)}>
          {t("resources.drain")}
        </Button>
      }
    >
      {nodes !== undefined && (
        <p className="pb-3 text-sm text-ink-soft">{t("resources.nodes", { count: nodes, version: version ?? "?" })}</p>
      )}
      <div className="grid gap-x-8 gap-y-3 sm:grid-cols-3">
        {AMOUNTS.map((key) => {
          const hard = capacity[key];
          return (
            <Meter
              key={key}
              label={t(`overview.quota_${key}`)}
              used={String(allocated[key])}
              hard={hard === undefined ? undefined : String(hard)}
            />
          );
        })}
      </div>
      {isDraining && <DrainDialog name={cluster.metadata.name} tenant={tenant} onClose={() => setDraining(false)} />}
    </Panel>
  );
}

function DrainDialog({ name, tenant, onClose }: { readonly name: string; readonly tenant: string; readonly onClose: () => void }) {
  const t = useTexts();
  const cache = useQueryClient();
  const [discardData, setDiscard] = useState(false);
  const given = discardData ? { discardData: true } : {};
  const preview = useQuery({
    queryKey: [tenant, "drain", name, discardData],
    queryFn: ({ signal }) => claw(tenant).clusters.drain(name, { ...given, dryRun: true, signal }),
    gcTime: 0,
    retry: false,
  });
  const drain = useMutation({
    mutationFn: () => claw(tenant).clusters.drain(name, given),
    onSuccess: () => {
      tell("good", t("resources.drainTold", { name }));
      void cache.invalidateQueries({ queryKey: [tenant] });
      onClose();
    },
  });
  const { data } = preview;
  return (
    <Dialog
      title={t("resources.drainAsk", { name })}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t("app.cancel")}</Button>
          <Button look="danger" disabled={!data} isBusy={drain.isPending} onClick={() => drain.mutate()}>
            {t("resources.drainDo", { name })}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3 text-sm" aria-live="polite">
        <p className="text-ink-soft">{t("resources.drainHelp")}</p>
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={discardData} onChange={(event) => setDiscard(event.target.checked)} />
          {t("resources.drainDiscard")}
        </label>
        {drain.error && <ErrorNote error={drain.error} />}
        {preview.error && <ErrorNote error={preview.error} />}
        {!data && !preview.error && <Skeleton lines={4} />}
        {data && (
          <>
            <section>
              <h3 className="font-medium">{t("resources.drainMoved", { count: data.summary.moved })}</h3>
              <ul className="text-ink-soft">
                {data.moved.map(({ tenant: owner, instance, to }) => (
                  <li key={`${owner} ${instance}`}>
                    {owner}/{instance} → {to}
                  </li>
                ))}
              </ul>
            </section>
            <section>
              <h3 className="font-medium">{t("resources.drainStays", { count: data.summary.stays })}</h3>
              <ul className="text-ink-soft">
                {data.stays.map(({ tenant: owner, instance, reason }) => (
                  <li key={`${owner} ${instance}`}>
                    {owner}/{instance}: {reason}
                  </li>
                ))}
              </ul>
            </section>
          </>
        )}
      </div>
    </Dialog>
  );
}
