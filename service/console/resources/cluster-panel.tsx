import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { DoorClosed, DoorOpen, Truck } from "lucide-react";
import { useState } from "react";
import type { ClusterPhase, ClusterStatus, Manifest } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { Meter } from "../parts/meter.tsx";
import { Panel } from "../parts/panel.tsx";
import { ErrorNote, Skeleton } from "../parts/states.tsx";
import { Status } from "../parts/status.tsx";
import { tell } from "../parts/toasts.tsx";
import type { Tone } from "../parts/tone.ts";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import type { AnyResource } from "./kinds.ts";

const TONES: Readonly<Record<ClusterPhase, Tone>> = { Pending: "busy", Ready: "good", Cordoned: "off", Unreachable: "bad" };
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
  const cache = useQueryClient();
  const [isDraining, setDraining] = useState(false);
  const [isClosing, setClosing] = useState(false);
  const { name } = cluster.metadata;
  const isClosed = cluster.spec["unschedulable"] === true;
  const door = isClosed ? "uncordon" : "cordon";
  const { phase, conditions, nodes, version, capacity, allocated } = cluster.status as unknown as ClusterStatus;
  return (
    <Panel
      title={t("resources.capacity")}
      aside={
        <span className="flex flex-wrap justify-end gap-2">
          <Button icon={<Icon of={isClosed ? DoorOpen : DoorClosed} size={14} />} disabled={!mayWrite} onClick={() => setClosing(true)}>
            {t(`resources.door_${door}`)}
          </Button>
          <Button icon={<Icon of={Truck} size={14} />} disabled={!mayWrite} onClick={() => setDraining(true)}>
            {t("resources.drain")}
          </Button>
        </span>
      }
    >
      <p className="flex flex-wrap items-center gap-x-3 pb-3 text-sm text-ink-soft">
        <Status tone={TONES[phase]}>{t(`resources.cluster_${phase}`)}</Status>
        {nodes !== undefined && <span>{t("resources.nodes", { count: nodes, version: version ?? "?" })}</span>}
      </p>
      {phase === "Unreachable" && <p className="pb-3 text-sm break-words text-bad">{conditions.map(({ message }) => message).join(" ")}</p>}
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
      {isDraining && <DrainDialog name={name} tenant={tenant} onClose={() => setDraining(false)} />}
      {isClosing && (
        <PlanDialog
          title={t(isClosed ? "resources.askUncordon" : "resources.askCordon", { name })}
          confirm={t(isClosed ? "resources.doUncordon" : "resources.doCordon", { name })}
          ask={() => claw(tenant).previews.create({ manifests: [withDoor(cluster, isClosed)] })}
          onClose={() => setClosing(false)}
          onApplied={() => {
            setClosing(false);
            void cache.invalidateQueries({ queryKey: [tenant] });
          }}
        />
      )}
    </Panel>
  );
}

/** Its manifest, as it is but for whether it takes new instances. */
function withDoor({ apiVersion, kind, metadata, spec }: AnyResource, isOpen: boolean): Manifest {
  const { name, labels, annotations, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, labels, annotations, resourceVersion },
    spec: { ...spec, unschedulable: !isOpen },
  } as unknown as Manifest;
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
