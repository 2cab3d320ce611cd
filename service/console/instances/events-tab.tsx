import { useQuery } from "@tanstack/react-query";
import type { InstanceEvent } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Panel } from "../parts/panel.tsx";
import { Failure, Skeleton } from "../parts/states.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import { eventsQuery } from "./queries.ts";

/** Everything that happened to an instance, newest first. */
export function EventsTab({ id, tenant }: { readonly id: string; readonly tenant: string }) {
  const events = useQuery(eventsQuery(tenant, id));
  return (
    <Panel padded={false}>
      <EventList events={events.data} error={events.error} onRetry={() => void events.refetch()} />
    </Panel>
  );
}

export function EventList({
  events,
  error,
  onRetry,
}: {
  readonly events: readonly InstanceEvent[] | undefined;
  readonly error: Error | null;
  readonly onRetry?: () => void;
}) {
  const t = useTexts();
  if (!events) {
    return error ? <Failure error={error} onRetry={onRetry} /> : <Skeleton lines={4} className="p-4" />;
  }
  if (events.length === 0) {
    return <p className="p-4 text-sm text-ink-soft">{t("instances.noEvents")}</p>;
  }
  return (
    <ol>
      {events.map(({ id, time, type, reason, message, actor }) => (
        <li key={id} className="flex gap-3 border-b border-line px-4 py-2 text-sm last:border-b-0">
          <span className="pt-0.5">
            <ToneIcon tone={type === "Warning" ? "warn" : "good"} />
          </span>
          <div className="min-w-0 flex-1">
            <p className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium">{reason}</span>
              {actor !== undefined && <span className="break-all text-ink-faint">{actor}</span>}
              <span className="ml-auto text-xs text-ink-faint">
                <Ago time={time} />
              </span>
            </p>
            <p className="break-words whitespace-pre-wrap text-ink-soft">{message}</p>
          </div>
        </li>
      ))}
    </ol>
  );
}
