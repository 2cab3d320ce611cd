import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Manifest, Quota, QuotaStatus } from "../../../sdk/contract/index.ts";
import { amountOf } from "../../../sdk/contract/quantity.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Field, Input } from "../parts/field.tsx";
import { Meter } from "../parts/meter.tsx";
import { Panel } from "../parts/panel.tsx";
import { ErrorNote, Skeleton } from "../parts/states.tsx";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import type { AnyResource } from "./kinds.ts";

const QUOTAS = ["instances", "cpu", "memory", "storage"] as const;
type Typed = Readonly<Record<(typeof QUOTAS)[number], string>>;
const LOOK_MS = 10_000;

/** What a tenant uses of its quota, and a form for another one. */
export function QuotaPanel({ tenant, mayWrite }: { readonly tenant: AnyResource; readonly mayWrite: boolean }) {
  const t = useTexts();
  const cache = useQueryClient();
  const { name } = tenant.metadata;
  const [typed, setTyped] = useState<Typed>();
  const [asked, setAsked] = useState<Quota>();
  const quota = useQuery({
    queryKey: [name, "quota"],
    queryFn: ({ signal }): Promise<QuotaStatus> => claw(name).tenants.quota(name, { signal }),
    refetchInterval: LOOK_MS,
  });
  const manifest = (next: Quota) => {
    const { apiVersion, kind, metadata, spec } = tenant;
    const { labels, annotations, resourceVersion } = metadata;
    return {
      apiVersion,
      kind,
      metadata: { name, labels, annotations, resourceVersion },
      spec: { ...spec, quota: next },
    } as unknown as Manifest;
  };
  const isGood = (key: keyof Typed, text: string) =>
    text === "" || (key === "instances" ? /^\d+$/.test(text) : amountOf(text) !== undefined);
  return (
    <Panel
      title={t("resources.quota")}
      aside={
        typed === undefined &&
        quota.data && (
          <Button disabled={!mayWrite} onClick={() => setTyped(typedOf(quota.data.hard))}>
            {t("resources.quotaSet")}
          </Button>
        )
      }
    >
      {!quota.data ? (
        quota.error ? (
          <ErrorNote error={quota.error} />
        ) : (
          <Skeleton lines={4} />
        )
      ) : typed === undefined ? (
        <div className="grid gap-x-8 gap-y-3 sm:grid-cols-2">
          {QUOTAS.map((key) => {
            const hard = quota.data.hard[key];
            return (
              <Meter
                key={key}
                label={t(`overview.quota_${key}`)}
                used={String(quota.data.used[key])}
                hard={hard === undefined ? undefined : String(hard)}
              />
            );
          })}
        </div>
      ) : (
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            setAsked(quotaOf(typed));
          }}
        >
          <p className="text-sm text-ink-soft">{t("resources.quotaHelp")}</p>
          <div className="grid gap-4 sm:grid-cols-2">
            {QUOTAS.map((key) => (
              <Field
                key={key}
                label={t(`overview.quota_${key}`)}
                help={t("overview.unlimited", { used: String(quota.data.used[key]) })}
                error={isGood(key, typed[key]) ? undefined : t("resources.quotaBad")}
              >
                {(ids) => (
                  <Input
                    {...ids}
                    value={typed[key]}
                    maxLength={32}
                    onChange={(event) => setTyped({ ...typed, [key]: event.target.value.trim() })}
                  />
                )}
              </Field>
            ))}
          </div>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setTyped(undefined)}>{t("app.cancel")}</Button>
            <Button look="primary" type="submit" disabled={QUOTAS.some((key) => !isGood(key, typed[key]))}>
              {t("resources.preview")}
            </Button>
          </div>
        </form>
      )}
      {asked && (
        <PlanDialog
          title={t("resources.quotaAsk", { name })}
          confirm={t("resources.quotaDo", { name })}
          ask={() => claw(name).previews.create({ manifests: [manifest(asked)] })}
          onClose={() => setAsked(undefined)}
          onApplied={() => {
            tell("good", t("resources.quotaTold", { name }));
            void cache.invalidateQueries();
            setAsked(undefined);
            setTyped(undefined);
          }}
        />
      )}
    </Panel>
  );
}

function typedOf(hard: Quota): Typed {
  const text = (value: string | number | undefined) => (value === undefined ? "" : String(value));
  return { instances: text(hard.instances), cpu: text(hard.cpu), memory: text(hard.memory), storage: text(hard.storage) };
}

function quotaOf({ instances, cpu, memory, storage }: Typed): Quota {
  return {
    ...(instances !== "" && { instances: Number(instances) }),
    ...(cpu !== "" && { cpu }),
    ...(memory !== "" && { memory }),
    ...(storage !== "" && { storage }),
  };
}
