import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { FileStack, Plus } from "lucide-react";
import { useRef, useState } from "react";
import { allows, meQuery } from "../app/claw.ts";
import { useHotkeys } from "../app/hotkeys.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Input } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { NotFoundPage } from "../parts/not-found.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Empty, Failure, Skeleton } from "../parts/states.tsx";
import { Ago } from "../parts/time.tsx";
import { type KindView, kindByPath, toldOf } from "./kinds.ts";
import { exampleOf } from "./manifest.ts";
import { ManifestEditor } from "./manifest-editor.tsx";
import { resourcesQuery } from "./queries.ts";

/** All resources of a kind. */
export function ResourcesPage() {
  const { tenant = "", kind = "" } = useParams({ strict: false });
  const view = kindByPath(kind);
  return view ? <Listed key={view.path} view={view} tenant={tenant} /> : <NotFoundPage />;
}

function Listed({ view, tenant }: { readonly view: KindView; readonly tenant: string }) {
  const t = useTexts();
  const navigate = useNavigate();
  const filter = useRef<HTMLInputElement>(null);
  const { q = "" } = useSearch({ strict: false }) as { readonly q?: string };
  const [isNew, setNew] = useState(false);
  const list = useQuery(resourcesQuery(tenant, view));
  const me = useQuery(meQuery(tenant)).data;
  useHotkeys({ "/": () => filter.current?.focus() });
  const shown = list.data?.filter(({ metadata }) => metadata.name.includes(q.toLowerCase()));
  const create = (
    <Button
      look="primary"
      icon={<Icon of={Plus} size={14} />}
      disabled={!me || !allows(me, view.write)}
      title={me && !allows(me, view.write) ? t("instances.mayNot", { permission: view.write }) : undefined}
      onClick={() => setNew(true)}
    >
      {t("resources.create")}
    </Button>
  );
  return (
    <>
      <PageHead
        title={t(view.text)}
        actions={
          <>
            <Equivalents tenant={tenant} command={`claw get ${view.noun}`} path={`/${view.path}`} />
            {create}
          </>
        }
      />
      {!list.data || !shown ? (
        list.error ? (
          <Failure error={list.error} onRetry={() => void list.refetch()} />
        ) : (
          <Skeleton lines={6} className="rounded-lg border border-line bg-panel p-4" />
        )
      ) : list.data.length === 0 ? (
        <div className="rounded-lg border border-line bg-panel">
          <Empty icon={<Icon of={FileStack} size={20} />} title={t("resources.none")}>
            <p>{t(view.help)}</p>
          </Empty>
        </div>
      ) : (
        <>
          <Input
            ref={filter}
            type="search"
            aria-label={t("resources.filter")}
            placeholder={t("resources.filter")}
            value={q}
            onChange={(event) =>
              void navigate({ to: ".", search: event.target.value === "" ? {} : { q: event.target.value }, replace: true })
            }
            className="mb-3 w-full md:w-72"
          />
          <div className="overflow-x-auto rounded-lg border border-line bg-panel">
            <table className="w-full text-sm">
              <thead className="text-left text-xs text-ink-faint">
                <tr className="h-9 border-b border-line">
                  <th className="px-4 font-medium">{t("resources.name")}</th>
                  {view.columns.map(({ text }) => (
                    <th key={text} className="px-2 font-medium max-md:hidden">
                      {t(text)}
                    </th>
                  ))}
                  <th className="px-4 text-right font-medium">{t("resources.changed")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((resource) => (
                  <tr key={resource.metadata.uid} className="h-10 border-b border-line last:border-b-0 hover:bg-sunken max-md:h-14">
                    <td className="px-4">
                      <Link
                        to="/t/$tenant/$kind/$name"
                        params={{ tenant, kind: view.path, name: resource.metadata.name }}
                        className="font-medium hover:text-accent hover:underline"
                      >
                        {resource.metadata.name}
                      </Link>
                    </td>
                    {view.columns.map((column) => (
                      <td
                        key={column.text}
                        className="max-w-md truncate px-2 text-ink-soft max-md:hidden"
                        title={toldOf(column, resource, t)}
                      >
                        {toldOf(column, resource, t)}
                      </td>
                    ))}
                    <td className="px-4 text-right text-ink-faint">
                      <Ago time={resource.metadata.updatedAt} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      {isNew && (
        <Dialog title={`${t("resources.create")}: ${view.kind}`} size="lg" onClose={() => setNew(false)}>
          <p className="pb-3 text-sm text-ink-soft">{t(view.help)}</p>
          <ManifestEditor
            tenant={tenant}
            text={exampleOf(view)}
            onCancel={() => setNew(false)}
            onApplied={(name) => {
              setNew(false);
              void navigate({ to: "/t/$tenant/$kind/$name", params: { tenant, kind: view.path, name } });
            }}
          />
        </Dialog>
      )}
    </>
  );
}
