import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import type { ClawInstance, Condition, Drift } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Icon } from "../parts/icon.tsx";
import { Facts, Panel } from "../parts/panel.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import type { Tone } from "../parts/tone.ts";
import { Properties } from "../plans/plan-view.tsx";
import { EventList } from "./events-tab.tsx";
import { nextStepOf } from "./next-steps.ts";
import { OperationPanel } from "./operations-tab.tsx";
import { eventsQuery } from "./queries.ts";

const LATELY = 6;
/** Of these, True is what is the matter. */
const BAD_WHEN_TRUE = new Set(["Drifted"]);

function toneOfCondition({ type, status, reason }: Condition): Tone {
  if (status === "Unknown" || reason === "Stopped" || reason === "NotTold") {
    return "off";
  }
  return (status === "True") === BAD_WHEN_TRUE.has(type) ? "warn" : "good";
}

export function SummaryTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const { metadata, spec, status } = instance;
  const events = useQuery(eventsQuery(tenant, metadata.uid));
  const labels = Object.entries(metadata.labels);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(18rem,2fr)]">
      <div className="flex min-w-0 flex-col gap-4">
        {status.drift && status.drift.length > 0 && <DriftPanel drift={status.drift} />}
        <Panel title={t("instances.conditions")} padded={false}>
          <ul>
            {status.conditions.map((condition) => (
              <ConditionRow key={condition.type} condition={condition} tenant={tenant} name={metadata.name} />
            ))}
          </ul>
        </Panel>
        <OperationPanel instance={instance} tenant={tenant} />
        <Panel
          title={t("instances.recent")}
          padded={false}
          aside={
            <Link
              to="/t/$tenant/instances/$id/{-$tab}"
              params={{ tenant, id: metadata.name, tab: "events" }}
              className="text-sm text-accent hover:underline"
            >
              {t("instances.allEvents")}
            </Link>
          }
        >
          <EventList events={events.data?.slice(0, LATELY)} error={events.error} />
        </Panel>
      </div>
      <Panel title={t("instances.facts")}>
        <Facts
          items={[
            [t("instances.type"), `${spec.type} ${status.version ?? ""}`],
            [
              t("instances.template"),
              spec.config.template === undefined
                ? t("app.none")
                : `${spec.config.template}${status.configVersion === undefined ? "" : ` v${status.configVersion}`}`,
            ],
            [t("instances.project"), metadata.project ?? "default"],
            [t("instances.cluster"), status.pod?.node === undefined ? status.cluster : `${status.cluster} · ${status.pod.node}`],
            [t("instances.ready"), `${status.readyReplicas}/${spec.replicas}`],
            [t("instances.restarts"), status.restarts],
            [t("instances.resources"), `${spec.resources.cpu} CPU · ${spec.resources.memory} · ${spec.storage.size}`],
            ...(status.usage ? ([[t("instances.usage"), `${status.usage.cpu} · ${status.usage.memory}`]] as const) : []),
            ...(status.confinement ? ([[t("instances.confinement"), status.confinement]] as const) : []),
            [t("instances.observed"), t("instances.observedOf", { seen: status.observedGeneration, wanted: metadata.generation })],
            [t("instances.age"), <Ago key="age" time={metadata.createdAt} />],
            [
              t("instances.labels"),
              labels.length === 0 ? (
                t("app.none")
              ) : (
                <span key="labels" className="flex flex-wrap gap-1">
                  {labels.map(([key, value]) => (
                    <code key={key} className="rounded-sm bg-sunken px-1.5 font-mono text-xs">
                      {key}={value}
                    </code>
                  ))}
                </span>
              ),
            ],
            [
              "uid",
              <code key="uid" className="font-mono text-xs">
                {metadata.uid}
              </code>,
            ],
          ]}
        />
      </Panel>
    </div>
  );
}

function ConditionRow({ condition, tenant, name }: { readonly condition: Condition; readonly tenant: string; readonly name: string }) {
  const t = useTexts();
  const { type, reason, message, lastTransitionTime } = condition;
  const tone = toneOfCondition(condition);
  const step = tone === "warn" ? nextStepOf(reason) : undefined;
  return (
    <li className="flex gap-3 border-b border-line px-4 py-2.5 text-sm last:border-b-0">
      <span className="pt-0.5">
        <ToneIcon tone={tone} />
      </span>
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span className="font-medium">{type}</span>
          <span className="text-ink-soft">{reason}</span>
          <span className="ml-auto text-xs text-ink-faint">
            <Ago time={lastTransitionTime} />
          </span>
        </p>
        {message !== "" && <p className="break-words whitespace-pre-wrap text-ink-soft">{message}</p>}
        {step && (
          <p className="mt-1 flex flex-wrap items-center gap-x-2">
            <Icon of={ArrowRight} size={14} className="text-warn" />
            <span>{t(step.text)}</span>
            {step.tab && (
              <Link
                to="/t/$tenant/instances/$id/{-$tab}"
                params={{ tenant, id: name, tab: step.tab }}
                className="text-accent hover:underline"
              >
                {t(`instances.tab_${step.tab}`)}
              </Link>
            )}
          </p>
        )}
      </div>
    </li>
  );
}

function DriftPanel({ drift }: { readonly drift: readonly Drift[] }) {
  const t = useTexts();
  return (
    <Panel title={t("instances.drift")} padded={false}>
      <ul>
        {drift.map(({ urn, resource, op, diffs, manager, time, detectedAt, notAdopted }) => (
          <li key={urn} className="flex flex-col gap-1.5 border-b border-line px-4 py-2.5 text-sm last:border-b-0">
            <p className="flex flex-wrap items-baseline gap-x-2">
              <code className="font-mono text-xs break-all">{resource}</code>
              <span className="font-medium text-warn">{t(op === "deleted" ? "instances.driftDeleted" : "instances.driftChanged")}</span>
              {manager !== undefined && <span className="text-ink-soft">{t("instances.driftBy", { manager })}</span>}
              <span className="ml-auto text-xs text-ink-faint">
                <Ago time={time ?? detectedAt} />
              </span>
            </p>
            {diffs.length > 0 && <Properties diffs={diffs} />}
            {notAdopted !== undefined && <p className="text-ink-soft">{notAdopted}</p>}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
