import { useQuery, useQueryClient } from "@tanstack/react-query";
import { GitCompareArrows, Send, Undo2 } from "lucide-react";
import { useState } from "react";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Input, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { Ago } from "../parts/time.tsx";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import { Properties } from "../plans/plan-view.tsx";
import type { AnyResource } from "./kinds.ts";
import { versionsQuery } from "./queries.ts";

const DRAFT = "draft";

/** The versions of a template: published, compared, and published once more. */
export function VersionsPanel({
  template,
  tenant,
  mayWrite,
}: {
  readonly template: AnyResource;
  readonly tenant: string;
  readonly mayWrite: boolean;
}) {
  const t = useTexts();
  const cache = useQueryClient();
  const { name } = template.metadata;
  const versions = useQuery(versionsQuery(tenant, name));
  const [message, setMessage] = useState("");
  const [asked, setAsked] = useState<{ readonly publish: true } | { readonly to: number }>();
  const [compared, setCompared] = useState<{ readonly from: number; readonly to: string }>();
  const { dirty, publishedVersion } = template.status;
  const done = (text: string) => {
    tell("good", text);
    void cache.invalidateQueries({ queryKey: [tenant] });
    setAsked(undefined);
    setMessage("");
  };
  return (
    <Panel
      title={t("resources.versions")}
      padded={false}
      aside={
        dirty === true && (
          <span className="flex items-center gap-2 text-sm">
            <span className="text-warn max-md:hidden">{t("resources.changedDraft")}</span>
            <Button icon={<Icon of={Send} size={14} />} disabled={!mayWrite} onClick={() => setAsked({ publish: true })}>
              {t("resources.publish")}
            </Button>
          </span>
        )
      }
    >
      {!versions.data ? (
        versions.error ? (
          <Failure error={versions.error} />
        ) : (
          <Skeleton lines={3} className="p-4" />
        )
      ) : versions.data.length === 0 ? (
        <p className="p-4 text-sm text-ink-soft">{t("resources.noVersions")}</p>
      ) : (
        <ul>
          {versions.data.map(({ version, author, createdAt, message: said }) => (
            <li key={version} className="border-b border-line px-4 py-2 text-sm last:border-b-0">
              <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <span className="tabular font-medium">v{version}</span>
                {version === publishedVersion && (
                  <span className="rounded-sm bg-good-soft px-1.5 text-xs text-good">{t("resources.current")}</span>
                )}
                <span className="min-w-0 flex-1 break-words text-ink-soft max-md:basis-full">{said}</span>
                <span className="text-xs text-ink-faint">
                  {author} · <Ago time={createdAt} />
                </span>
                <Button
                  look="quiet"
                  icon={<Icon of={GitCompareArrows} size={14} />}
                  onClick={() => setCompared(compared?.from === version ? undefined : { from: version, to: DRAFT })}
                >
                  {t("resources.compare")}
                </Button>
                {version !== publishedVersion && (
                  <Button look="quiet" icon={<Icon of={Undo2} size={14} />} disabled={!mayWrite} onClick={() => setAsked({ to: version })}>
                    {t("resources.rollback")}
                  </Button>
                )}
              </div>
              {compared?.from === version && (
                <Comparison
                  tenant={tenant}
                  name={name}
                  from={version}
                  to={compared.to}
                  versions={versions.data.map((each) => each.version)}
                  onTo={(to) => setCompared({ from: version, to })}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      {asked && "publish" in asked && (
        <PlanDialog
          title={t("resources.askPublish", { name })}
          confirm={t("resources.doPublish", { name })}
          askKey={message}
          ask={() => claw(tenant).configs.publish(name, message === "" ? {} : { message }, { preview: true })}
          onClose={() => setAsked(undefined)}
          onApplied={() => done(t("resources.toldPublish", { name }))}
        >
          <Input
            aria-label={t("resources.publishMessage")}
            placeholder={t("resources.publishMessage")}
            defaultValue={message}
            maxLength={500}
            onBlur={(event) => setMessage(event.target.value)}
          />
        </PlanDialog>
      )}
      {asked && "to" in asked && (
        <PlanDialog
          title={t("resources.askRollback", { name, version: asked.to })}
          confirm={t("resources.doRollback", { name })}
          ask={() => claw(tenant).configs.rollback(name, { to: asked.to }, { preview: true })}
          onClose={() => setAsked(undefined)}
          onApplied={() => done(t("resources.toldRollback", { name, version: asked.to }))}
        />
      )}
    </Panel>
  );
}

function Comparison({
  tenant,
  name,
  from,
  to,
  versions,
  onTo,
}: {
  readonly tenant: string;
  readonly name: string;
  readonly from: number;
  readonly to: string;
  readonly versions: readonly number[];
  readonly onTo: (to: string) => void;
}) {
  const t = useTexts();
  const diff = useQuery({
    queryKey: [tenant, "resources", "configs", name, "diff", from, to],
    queryFn: ({ signal }) => claw(tenant).configs.diff(name, { from, ...(to !== DRAFT && { to: Number(to) }) }, { signal }),
  });
  return (
    <div className="flex flex-col gap-2 py-2">
      <p className="flex items-center gap-2 text-ink-soft">
        v{from} {t("resources.compareWith")}
        <Select
          aria-label={t("resources.compareWith")}
          value={to}
          onChange={(event) => onTo(event.target.value)}
          options={[
            [DRAFT, t("resources.draft")],
            ...versions.filter((version) => version !== from).map((version) => [String(version), `v${version}`] as const),
          ]}
        />
      </p>
      {diff.error ? (
        <ErrorNote error={diff.error} />
      ) : !diff.data ? (
        <Skeleton lines={2} />
      ) : diff.data.diffs.length === 0 ? (
        <p className="text-ink-soft">{t("resources.noDifference")}</p>
      ) : (
        <Properties diffs={diff.data.diffs} />
      )}
    </div>
  );
}
