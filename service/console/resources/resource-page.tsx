import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Change, Condition } from "../../../sdk/contract/index.ts";
import { allows, claw, meQuery } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Code } from "../parts/code.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { NotFoundPage } from "../parts/not-found.tsx";
import { Facts, PageHead, Panel } from "../parts/panel.tsx";
import { Failure, Skeleton } from "../parts/states.tsx";
import { ToneIcon } from "../parts/status.tsx";
import { Ago } from "../parts/time.tsx";
import { tell } from "../parts/toasts.tsx";
import { PlanDialog } from "../plans/plan-dialog.tsx";
import { ClusterPanel } from "./cluster-panel.tsx";
import { type AnyResource, type KindView, kindByPath, toldOf } from "./kinds.ts";
import { textOf } from "./manifest.ts";
import { ManifestEditor } from "./manifest-editor.tsx";
import { resourceQuery } from "./queries.ts";
import { QuotaPanel } from "./quota-panel.tsx";
import { RolloutPanel } from "./rollout-panel.tsx";
import { VersionsPanel } from "./versions-panel.tsx";
import { ViolationsPanel } from "./violations-panel.tsx";

/** All that resources have, beside instances, is good when it is so. */
const CONDITION_TONES = { True: "good", False: "warn", Unknown: "off" } as const;

/** One resource: what is declared, what is so, and ways to change it. */
export function ResourcePage() {
  const { tenant = "", kind = "", name = "" } = useParams({ strict: false });
  const view = kindByPath(kind);
  return view ? <Found key={`${view.path} ${name}`} view={view} tenant={tenant} name={name} /> : <NotFoundPage />;
}

function Found({ view, tenant, name }: { readonly view: KindView; readonly tenant: string; readonly name: string }) {
  const t = useTexts();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const resource = useQuery(resourceQuery(tenant, view, name));
  const me = useQuery(meQuery(tenant)).data;
  const [edited, setEdited] = useState<string>();
  const [isDeleting, setDeleting] = useState(false);
  if (!resource.data || !me) {
    return resource.error ? <Failure error={resource.error} onRetry={() => void resource.refetch()} /> : <Skeleton lines={8} />;
  }
  const found = resource.data;
  const mayWrite = allows(me, view.write, found.metadata.project);
  const why = mayWrite ? undefined : t("instances.mayNot", { permission: view.write });
  return (
    <>
      <PageHead
        title={name}
        note={view.kind}
        actions={
          <>
            <Equivalents tenant={tenant} command={`claw get ${view.noun} ${name} -o yaml`} path={`/${view.path}/${name}`} />
            <Button icon={<Icon of={Pencil} size={14} />} disabled={!mayWrite} title={why} onClick={() => setEdited(textOf(found))}>
              {t("resources.edit")}
            </Button>
            <Button icon={<Icon of={Trash2} size={14} />} disabled={!mayWrite} title={why} onClick={() => setDeleting(true)}>
              {t("resources.destroy")}
            </Button>
          </>
        }
      />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(18rem,2fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          {found.kind === "Rollout" && <RolloutPanel rollout={found} tenant={tenant} me={me} />}
          {found.kind === "Tenant" && edited === undefined && <QuotaPanel tenant={found} mayWrite={mayWrite} />}
          {found.kind === "Policy" && edited === undefined && <ViolationsPanel policy={found} tenant={tenant} />}
          {found.kind === "Cluster" && edited === undefined && <ClusterPanel cluster={found} tenant={tenant} mayWrite={mayWrite} />}
          {found.kind === "ConfigTemplate" && edited === undefined && (
            <VersionsPanel template={found} tenant={tenant} mayWrite={mayWrite} />
          )}
          <Panel title={t("resources.manifest")}>
            {edited === undefined ? (
              <Code label={t("resources.manifest")} yaml text={textOf(found).replace(/^ {2}resourceVersion: .*\n/m, "")} />
            ) : (
              <ManifestEditor
                tenant={tenant}
                text={edited}
                onCancel={() => setEdited(undefined)}
                onApplied={(applied) => {
                  setEdited(undefined);
                  if (applied !== name) {
                    void navigate({ to: "/t/$tenant/$kind/$name", params: { tenant, kind: view.path, name: applied } });
                  }
                }}
              />
            )}
          </Panel>
        </div>
        <Panel title={t("instances.facts")}>
          <Facts
            items={[
              ...view.columns.map((column) => [t(column.text), toldOf(column, found, t) || t("app.none")] as const),
              ...conditionsOf(found).map(
                ({ type, status, reason, message }) =>
                  [
                    type,
                    <span key={type} className="flex gap-1.5">
                      <span className="pt-0.5">
                        <ToneIcon tone={CONDITION_TONES[status]} />
                      </span>
                      {message || reason}
                    </span>,
                  ] as const,
              ),
              [t("resources.created"), <Ago key="created" time={found.metadata.createdAt} />],
              [t("resources.changed"), <Ago key="changed" time={found.metadata.updatedAt} />],
              [
                "uid",
                <code key="uid" className="font-mono text-xs">
                  {found.metadata.uid}
                </code>,
              ],
            ]}
          />
        </Panel>
      </div>
      {isDeleting && (
        <PlanDialog
          danger
          title={t("resources.askDelete", { name })}
          confirm={t("resources.doDelete", { name })}
          ask={() => claw(tenant).previews.create({ changes: [{ action: "delete", kind: view.kind, name } as Change] })}
          onClose={() => setDeleting(false)}
          onApplied={() => {
            tell("good", t("resources.toldDelete", { name }));
            void cache.invalidateQueries({ queryKey: [tenant, "resources", view.path], exact: true });
            void navigate({ to: "/t/$tenant/$kind", params: { tenant, kind: view.path } });
          }}
        />
      )}
    </>
  );
}

function conditionsOf({ status }: AnyResource): readonly Condition[] {
  return (status["conditions"] as readonly Condition[] | undefined) ?? [];
}
