import { Columns3 } from "lucide-react";
import type { ReactNode } from "react";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import type { TextKey } from "../app/catalogue.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Menu, MenuCheck, MenuItem, MenuSeparator } from "../parts/menu.tsx";
import { Ago } from "../parts/time.tsx";
import { COLUMNS, type Column, USUAL } from "./columns.ts";
import type { Sort } from "./state.ts";

/** How each column is called and ordered. */
export const COLUMN_FACTS: Readonly<Record<Column, { readonly text: TextKey; readonly end?: true; readonly sort?: Sort }>> = {
  type: { text: "instances.type", sort: "type" },
  version: { text: "instances.version" },
  template: { text: "instances.template" },
  project: { text: "instances.project" },
  labels: { text: "instances.labels" },
  cluster: { text: "instances.cluster" },
  node: { text: "instances.node" },
  restarts: { text: "instances.restarts", end: true },
  cpu: { text: "instances.cpu", end: true },
  memory: { text: "instances.memory", end: true },
  changed: { text: "instances.changed", end: true },
  age: { text: "instances.age", end: true, sort: "age" },
};

/** What a column shows of an instance. */
export function cellOf(column: Column, { metadata, spec, status }: ClawInstance): ReactNode {
  switch (column) {
    case "type":
      return <span className="text-ink">{spec.type}</span>;
    case "version":
      return status.version;
    case "template":
      return (
        <>
          {spec.config.template}
          {status.configVersion !== undefined && <span className="text-ink-faint"> v{status.configVersion}</span>}
        </>
      );
    case "project":
      return metadata.project;
    case "labels":
      return (
        <span className="font-mono text-xs">
          {Object.entries(metadata.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(" ")}
        </span>
      );
    case "cluster":
      return status.cluster;
    case "node":
      return status.pod?.node;
    case "restarts":
      return <span className={status.restarts > 0 ? "text-ink" : "text-ink-faint"}>{status.restarts}</span>;
    case "cpu":
      return status.usage?.cpu;
    case "memory":
      return status.usage?.memory;
    case "changed":
      return <Ago time={metadata.updatedAt} />;
    case "age":
      return <Ago time={metadata.createdAt} />;
  }
}

/** Which columns a table shows. */
export function ColumnsMenu({
  columns,
  onChange,
}: {
  readonly columns: readonly Column[];
  readonly onChange: (columns: readonly Column[] | undefined) => void;
}) {
  const t = useTexts();
  return (
    <Menu trigger={<Button icon={<Icon of={Columns3} size={14} />}>{t("instances.columns")}</Button>}>
      {COLUMNS.map((column) => (
        <MenuCheck
          key={column}
          isChecked={columns.includes(column)}
          onChange={(isShown) => onChange(COLUMNS.filter((each) => (each === column ? isShown : columns.includes(each))))}
        >
          {t(COLUMN_FACTS[column].text)}
        </MenuCheck>
      ))}
      <MenuSeparator />
      <MenuItem onSelect={() => onChange(undefined)} disabled={columns === USUAL}>
        {t("instances.columnsUsual")}
      </MenuItem>
    </Menu>
  );
}
