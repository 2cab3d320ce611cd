import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Monitor, TerminalSquare } from "lucide-react";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Empty, ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { Ago } from "../parts/time.tsx";

const SESSIONS = ["", "sessions"];
const LOOK_MS = 15_000;

/** Where one is signed in, and the way to end what one does not know. */
export function SessionsPage() {
  const t = useTexts();
  const { tenant = "" } = useParams({ strict: false });
  const cache = useQueryClient();
  const sessions = useQuery({
    queryKey: SESSIONS,
    queryFn: async ({ signal }) => (await claw().sessions.list({}, { signal })).items,
    refetchInterval: LOOK_MS,
  });
  const end = useMutation({
    mutationFn: (id: string) => claw().sessions.end(id),
    onSettled: () => cache.invalidateQueries({ queryKey: SESSIONS }),
  });
  return (
    <>
      <PageHead
        title={t("access.sessions")}
        note={t("access.sessionsNote")}
        actions={<Equivalents tenant={tenant} command="claw auth sessions" path="/sessions" />}
      />
      {end.error && <ErrorNote error={end.error} />}
      {!sessions.data ? (
        sessions.error ? (
          <Failure error={sessions.error} onRetry={() => void sessions.refetch()} />
        ) : (
          <Skeleton lines={4} className="rounded-lg border border-line bg-panel p-4" />
        )
      ) : (
        <div className="rounded-lg border border-line bg-panel">
          {sessions.data.length === 0 ? (
            <Empty icon={<Icon of={Monitor} size={20} />} title={t("access.sessionsNone")}>
              <p>{t("access.sessionsNoneHelp")}</p>
            </Empty>
          ) : (
            <ul>
              {sessions.data.map(({ id, form, by, address = "?", agent = "", current, createdAt, lastUsedAt, expiresAt }) => (
                <li
                  key={id}
                  className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5 text-sm last:border-b-0"
                >
                  <Icon of={form === "cookie" ? Monitor : TerminalSquare} className="text-ink-faint" />
                  <span className="min-w-40 flex-1">
                    <span className="font-medium">{t(`access.sessionForm_${form}`)}</span> <span className="text-ink-soft">{address}</span>
                    {current && (
                      <span className="ml-2 rounded-sm bg-accent-soft px-1.5 text-xs text-accent">{t("access.sessionHere")}</span>
                    )}
                    <span className="block text-xs break-words text-ink-faint">
                      {by} · {agent}
                    </span>
                  </span>
                  <span className="w-36 text-ink-soft">
                    {t("access.used")} <Ago time={lastUsedAt} />
                  </span>
                  <span className="w-36 text-ink-soft">
                    {t("access.opened")} <Ago time={createdAt} />
                  </span>
                  <span className="w-36 text-ink-soft">
                    {t("access.expires")} <Ago time={expiresAt} />
                  </span>
                  <Button
                    aria-label={t("access.sessionEndLabel", { address })}
                    disabled={current || end.isPending}
                    onClick={() => end.mutate(id)}
                  >
                    {t("access.sessionEnd")}
                  </Button>
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
    </>
  );
}
