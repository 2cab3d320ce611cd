import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { GitCompare, RefreshCw } from "lucide-react";
import { useState } from "react";
import type { Consistency } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Input } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Empty, Failure, Skeleton } from "../parts/states.tsx";
import { Status } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import { TONES } from "./consistency-tab.tsx";
import { fleetConsistencyQuery } from "./queries.ts";

const ORDER = { differs: 0, unknown: 1, consistent: 2 } as const satisfies Record<Consistency["state"], number>;

/** What the claws of a fleet are really configured with: those that differ first. */
export function ConsistencyPage() {
  const t = useTexts();
  const navigate = useNavigate();
  const { tenant = "" } = useParams({ strict: false });
  const { labels = "" }: { labels?: string } = useSearch({ strict: false });
  const [typed, setTyped] = useState(labels);
  const found = useInfiniteQuery(fleetConsistencyQuery(tenant, labels));
  const items = found.data?.pages.flatMap((page) => page.items).toSorted((a, b) => ORDER[a.state] - ORDER[b.state]);
  const of = (state: Consistency["state"]) => items?.filter((item) => item.state === state).length ?? 0;
  return (
    <>
      <PageHead
        title={t("consistency.title")}
        note={
          items ? t("consistency.summary", { differs: of("differs"), count: items.length, unknown: of("unknown") }) : t("consistency.note")
        }
        actions={
          <>
            <Equivalents tenant={tenant} command={`claw configs check${labels === "" ? "" : ` -l '${labels}'`}`} path="/consistency" />
            <Button icon={<Icon of={RefreshCw} size={14} />} isBusy={found.isFetching} onClick={() => void found.refetch()}>
              {t("consistency.check")}
            </Button>
          </>
        }
      />
      <form
        className="pb-3"
        onSubmit={(event) => {
          event.preventDefault();
          void navigate({ to: ".", search: typed === "" ? {} : { labels: typed }, replace: true });
        }}
      >
        <Input
          type="search"
          aria-label={t("consistency.selector")}
          placeholder={t("consistency.selector")}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          className="w-full max-w-96"
        />
      </form>
      {!items ? (
        found.error ? (
          <Failure error={found.error} onRetry={() => void found.refetch()} />
        ) : (
          <Skeleton lines={8} className="rounded-lg border border-line bg-panel p-4" />
        )
      ) : (
        <div className="rounded-lg border border-line bg-panel">
          {items.length === 0 ? (
            <Empty icon={<Icon of={GitCompare} size={20} />} title={t("consistency.empty")} />
          ) : (
            <ul>
              {items.map((item) => (
                <Row key={item.uid} item={item} tenant={tenant} />
              ))}
            </ul>
          )}
          {found.hasNextPage && (
            <div className="flex justify-center p-3">
              <Button isBusy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                {t("consistency.showMore")}
              </Button>
            </div>
          )}
        </div>
      )}
    </>
  );
}

function Row({
  item: { instance, project, state, message, files, differences, counts, checkedAt },
  tenant,
}: {
  readonly item: Consistency;
  readonly tenant: string;
}) {
  const t = useTexts();
  const [file] = files;
  const keys = differences.filter((difference) => difference.state === "differs").map(({ key }) => key);
  const more = counts.differs - keys.length;
  return (
    <li className="border-b border-line last:border-b-0">
      <Link
        to="/t/$tenant/instances/$id/{-$tab}"
        params={{ tenant, id: instance, tab: "consistency" }}
        className="flex min-h-10 flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2 text-sm hover:bg-sunken"
      >
        <span className="w-28 shrink-0">
          <Status tone={TONES[state]}>{t(`consistency.state_${state}`)}</Status>
        </span>
        <span className="font-medium break-all">{instance}</span>
        <span className="text-ink-faint">{project}</span>
        <span className="min-w-0 flex-1 basis-60 text-ink-soft">
          {keys.length > 0 && <code className="font-mono text-xs break-all">{keys.join(", ")}</code>}
          {more > 0 && <span className="text-xs"> {t("consistency.more", { count: more })}</span>}
          {message !== "" && <span> {message}</span>}
        </span>
        <span className="text-xs text-ink-faint">
          {file && `${t("consistency.changed", { path: file.path, by: file.by ?? t("consistency.somebody") })} `}
          {file?.changedAt !== undefined ? <Ago time={file.changedAt} /> : checkedAt !== undefined && <Ago time={checkedAt} />}
        </span>
      </Link>
    </li>
  );
}
