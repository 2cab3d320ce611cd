import { useQuery } from "@tanstack/react-query";
import { EyeOff, FileCog, Lock } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { ClawInstance, EffectiveValue } from "../../../sdk/contract/index.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { CopyButton } from "../parts/code.tsx";
import { Input } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { Empty, Failure, Skeleton } from "../parts/states.tsx";
import { Ago } from "../parts/time.tsx";
import { sourcesOf } from "./file-levels.ts";
import { configQuery, filesQuery } from "./queries.ts";

/** What it is configured with, key by key, and of which level each value is. */
export function ConfigTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const [words, setWords] = useState("");
  const [view, setView] = useState<"keys" | "files">("keys");
  const config = useQuery(configQuery(tenant, instance.metadata.uid));
  if (!config.data) {
    return config.error ? <Failure error={config.error} onRetry={() => void config.refetch()} /> : <Skeleton lines={8} />;
  }
  const { items, issues, template } = config.data;
  const choice = (
    <span role="group" aria-label={t("instances.configView")} className="flex gap-1">
      {(["keys", "files"] as const).map((each) => (
        <Button key={each} look={view === each ? "plain" : "quiet"} aria-pressed={view === each} onClick={() => setView(each)}>
          {t(`instances.configView_${each}`)}
        </Button>
      ))}
    </span>
  );
  const shown = items.filter(({ key, origin }) => `${key} ${origin}`.toLowerCase().includes(words.toLowerCase()));
  return (
    <div className="flex flex-col gap-4">
      {issues.length > 0 && (
        <Panel title={t("instances.configIssues")} className="border-bad/50">
          <ul className="flex flex-col gap-1.5 text-sm">
            {issues.map(({ path, message, fix }) => (
              <li key={`${path} ${message}`}>
                <code className="font-mono text-xs">{path}</code> {message}
                {fix !== undefined && <span className="block text-ink-soft">{fix}</span>}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {view === "files" ? (
        <FilesPanel values={items} instance={instance} tenant={tenant} aside={choice} />
      ) : (
        <Panel
          padded={false}
          title={template ? t("instances.configTemplate", { name: template.name, version: template.version }) : t("instances.tab_config")}
          aside={
            <span className="flex flex-wrap items-center gap-2">
              {choice}
              <Input
                type="search"
                aria-label={t("instances.configFilter")}
                placeholder={t("instances.configFilter")}
                value={words}
                onChange={(event) => setWords(event.target.value)}
                className="w-44"
              />
            </span>
          }
        >
          {items.length === 0 ? (
            <Empty icon={<Icon of={FileCog} size={20} />} title={t("instances.configEmpty")} />
          ) : (
            <div className="overflow-x-auto">
              <table className="w-full text-sm">
                <thead className="text-left text-xs text-ink-faint">
                  <tr className="border-b border-line">
                    <th className="px-4 py-2 font-medium">{t("instances.configKey")}</th>
                    <th className="px-2 py-2 font-medium">{t("instances.configValue")}</th>
                    <th className="px-2 py-2 font-medium">{t("instances.configOrigin")}</th>
                    <th className="px-4 py-2 font-medium max-md:hidden">{t("instances.configSetBy")}</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((value) => (
                    <ValueRow key={value.key} value={value} />
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </Panel>
      )}
    </div>
  );
}

/** What its claw reads, each line with the level that its value is of. */
function FilesPanel({
  values,
  instance,
  tenant,
  aside,
}: {
  readonly values: readonly EffectiveValue[];
  readonly instance: ClawInstance;
  readonly tenant: string;
  readonly aside: ReactNode;
}) {
  const t = useTexts();
  const rendered = useQuery(filesQuery(tenant, instance.metadata.uid));
  return (
    <Panel padded={false} title={t("instances.files")} aside={aside}>
      {!rendered.data ? (
        rendered.error ? (
          <Failure error={rendered.error} onRetry={() => void rendered.refetch()} />
        ) : (
          <Skeleton lines={8} className="p-4" />
        )
      ) : rendered.data.length === 0 ? (
        <Empty icon={<Icon of={FileCog} size={20} />} title={t("instances.filesNone")} />
      ) : (
        rendered.data.map(({ path, content }) => {
          const sources = sourcesOf(content, values);
          return (
            <section key={path} aria-label={path} className="border-b border-line last:border-b-0">
              <h3 className="flex items-center justify-between bg-sunken py-1 pr-2 pl-4 font-mono text-xs">
                {path}
                <CopyButton text={content} />
              </h3>
              <pre tabIndex={0} className="max-h-[36rem] overflow-auto py-2 font-mono text-xs leading-5">
                {content
                  .trimEnd()
                  .split("\n")
                  .map((line, index) => {
                    const source = sources[index];
                    return (
                      <div key={`${index} ${line}`} className="flex gap-4 px-4 hover:bg-sunken">
                        <span className="min-w-0 flex-1">{line === "" ? " " : line}</span>
                        {source && (
                          <span className="shrink-0 font-sans text-ink-faint" title={source.key}>
                            {t(`instances.origin_${source.origin}`)}
                          </span>
                        )}
                      </div>
                    );
                  })}
              </pre>
            </section>
          );
        })
      )}
    </Panel>
  );
}

function ValueRow({ value: { key, value, origin, values, secret, locked, hides = [], setBy, setAt } }: { readonly value: EffectiveValue }) {
  const t = useTexts();
  return (
    <tr className="border-b border-line align-top last:border-b-0">
      <td className="px-4 py-1.5 font-mono text-xs leading-5 break-all">
        {key}
        {secret && <Icon of={EyeOff} size={12} className="ml-1.5 inline text-ink-faint" />}
        {secret && <span className="sr-only"> {t("instances.configSecret")}</span>}
      </td>
      <td className="max-w-xs px-2 py-1.5 font-mono text-xs leading-5 break-all">{JSON.stringify(value)}</td>
      <td className="px-2 py-1.5 text-ink-soft">
        <span className="whitespace-nowrap">
          {t(`instances.origin_${origin}`)}
          {values !== undefined && <span className="text-ink-faint"> {values}</span>}
          {locked && <Icon of={Lock} size={12} className="ml-1.5 inline text-ink-faint" />}
          {locked && <span className="sr-only"> {t("instances.configLocked")}</span>}
        </span>
        {hides.length > 0 && (
          <details className="text-xs">
            <summary className="text-ink-faint hover:text-ink">{t("instances.configHides", { count: hides.length })}</summary>
            <ul className="flex flex-col gap-0.5 pt-1">
              {hides.map((hidden) => (
                <li key={`${hidden.origin} ${hidden.values ?? ""} ${hidden.key}`} className="break-all">
                  {t(`instances.origin_${hidden.origin}`)} {hidden.values} <code className="font-mono">{JSON.stringify(hidden.value)}</code>
                </li>
              ))}
            </ul>
          </details>
        )}
      </td>
      <td className="px-4 py-1.5 text-ink-soft max-md:hidden">
        {setBy}{" "}
        {setAt !== undefined && (
          <span className="text-xs text-ink-faint">
            <Ago time={setAt} />
          </span>
        )}
      </td>
    </tr>
  );
}
