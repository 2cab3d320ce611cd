import { ChartSpline } from "lucide-react";
import { useEffect, useState } from "react";
import { UserAbortError } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { amountOf } from "../../../sdk/contract/quantity.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Chart, type Series } from "../parts/chart.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { Empty, ErrorNote, Skeleton } from "../parts/states.tsx";

/** An hour of a sample every two seconds. */
const SAMPLES_MAX = 1_800;
const NONE: Series = { times: [], values: [] };
const MEBIBYTE = 2 ** 20;

/** What an instance takes, from the moment on that somebody looks: nothing but the newest sample is kept by the service. */
export function MetricsTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const { uid } = instance.metadata;
  const { cpu, memory } = instance.spec.resources;
  const [taken, setTaken] = useState({ cpu: NONE, memory: NONE });
  const [hasAnswered, setAnswered] = useState(false);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    const follow = async () => {
      let lastMs = 0;
      for await (const { usage } of claw(tenant).instances.followMetrics(uid, { signal: stop.signal })) {
        setAnswered(true);
        const timeMs = usage ? Date.parse(usage.time) : 0;
        if (usage && timeMs > lastMs) {
          lastMs = timeMs;
          setTaken((before) => ({
            cpu: longer(before.cpu, timeMs, amountOf(usage.cpu)),
            memory: longer(before.memory, timeMs, amountOf(usage.memory)),
          }));
        }
      }
    };
    follow().catch((failure: unknown) => {
      if (!(failure instanceof UserAbortError)) {
        setError(failure);
      }
    });
    return () => stop.abort();
  }, [tenant, uid]);
  const charts = [
    { key: "cpu", bound: amountOf(cpu), declared: cpu, format: (cores: number) => `${Number((cores * 1000).toPrecision(2))}m` },
    { key: "memory", bound: amountOf(memory), declared: memory, format: (bytes: number) => `${Math.round(bytes / MEBIBYTE)}Mi` },
  ] as const;
  if (error !== undefined) {
    return <ErrorNote error={error} />;
  }
  if (taken.cpu.times.length === 0) {
    return hasAnswered ? (
      <Empty icon={<Icon of={ChartSpline} size={20} />} title={t("instances.metricsNone")}>
        <p>{t("instances.metricsNoneHelp")}</p>
      </Empty>
    ) : (
      <Skeleton lines={6} />
    );
  }
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      {charts.map(({ key, bound, declared, format }) => {
        const { values } = taken[key];
        const [now = 0, most] = [values.at(-1), Math.max(...values)];
        const facts = { now: format(now), most: format(most), declared };
        return (
          <Panel
            key={key}
            title={t(`instances.${key}`)}
            aside={<span className="tabular text-sm text-ink-soft">{t("instances.metricsFacts", facts)}</span>}
          >
            <Chart
              series={taken[key]}
              // Far above what is taken it would flatten the curve.
              bound={bound !== undefined && bound <= most * 4 ? bound : undefined}
              label={`${t(`instances.${key}`)}: ${t("instances.metricsFacts", facts)}`}
              format={format}
            />
          </Panel>
        );
      })}
      <p className="text-sm text-ink-faint lg:col-span-2">{t("instances.metricsHelp")}</p>
    </div>
  );
}

function longer({ times, values }: Series, timeMs: number, value: number | undefined): Series {
  return value === undefined
    ? { times, values }
    : { times: [...times, timeMs / 1000].slice(-SAMPLES_MAX), values: [...values, value].slice(-SAMPLES_MAX) };
}
