import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, Boxes, Plus, X } from "lucide-react";
import { type Dispatch, memo, type SetStateAction, useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { allows, mayAnywhere, meQuery } from "../app/claw.ts";
import { useHotkeys } from "../app/hotkeys.ts";
import { useTexts } from "../app/preferences.ts";
import { Button, buttonClass } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Input, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Empty, ErrorNote, Failure, Skeleton } from "../parts/states.tsx";
import { useIsPhone } from "../parts/use-is-phone.ts";
import { ACTIONS, ActionDialog } from "./actions.tsx";
import { BulkResult } from "./bulk-result.tsx";
import { type Column, gridOf, USUAL, widthOf } from "./columns.ts";
import { COLUMN_FACTS, ColumnsMenu, cellOf } from "./columns-menu.tsx";
import type { Action } from "./outcome.ts";
import { FLEET_MAX, fleetQuery } from "./queries.ts";
import type { InstancesSearch } from "./search.ts";
import { InstanceStatus } from "./standing.tsx";
import { matches, type Sort, STANDINGS, sorted, standingOf, worryOf } from "./state.ts";
import { ViewsMenu } from "./views-menu.tsx";

const ROW_PX = 40;
const CARD_PX = 76;
const BULK = ["start", "stop", "restart", "destroy"] as const satisfies readonly Action[];
const GRID = "grid items-center gap-x-3 px-3";

/** All instances of a tenant, as a table of which only the rows in sight are drawn. */
export function InstancesPage() {
  const t = useTexts();
  const { tenant = "" } = useParams({ strict: false });
  const search: InstancesSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const filter = useRef<HTMLInputElement>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<Action>();
  const [done, setDone] = useState<{ readonly action: Action; readonly names: readonly string[] }>();
  const labels = useDeferredValue(search.labels ?? "");
  const fleet = useQuery({ ...fleetQuery(tenant, labels), placeholderData: keepPreviousData });
  const me = useQuery(meQuery(tenant)).data;
  const set = (change: Partial<InstancesSearch>) =>
    void navigate({ to: ".", search: (before: InstancesSearch) => ({ ...before, ...change }), replace: true });
  useHotkeys({ "/": () => filter.current?.focus() });

  const words = search.q ?? "";
  const all = fleet.data?.items;
  const shown = useMemo(() => {
    const found = (all ?? []).filter(
      (instance) => (words === "" || matches(instance, words)) && (search.state === undefined || standingOf(instance) === search.state),
    );
    return sorted(found, search.sort ?? "name", search.desc ?? false);
  }, [all, words, search.state, search.sort, search.desc]);
  const names = useMemo(
    () => shown.filter(({ metadata }) => selected.has(metadata.name)).map(({ metadata }) => metadata.name),
    [shown, selected],
  );
  const columns = search.columns ?? USUAL;
  const isFiltered = words !== "" || search.state !== undefined || search.labels !== undefined;

  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={t("instances.title")}
        note={
          fleet.data &&
          (isFiltered && all && shown.length !== all.length
            ? t("instances.countOf", { shown: shown.length, count: all.length })
            : t("instances.count", { count: shown.length }))
        }
        actions={
          <>
            <Equivalents
              tenant={tenant}
              command={`claw get instances${search.labels ? ` -l '${search.labels}'` : ""}`}
              path={`/instances${search.labels ? `?labelSelector=${encodeURIComponent(search.labels)}` : ""}`}
            />
            {me && mayAnywhere(me, "instances.write") && (
              <Link to="/t/$tenant/create-instance" params={{ tenant }} className={buttonClass("primary")}>
                <Icon of={Plus} size={14} />
                {t("create.title")}
              </Link>
            )}
          </>
        }
      />
      <search className="flex flex-wrap items-center gap-2 pb-3">
        <Input
          ref={filter}
          type="search"
          aria-label={t("instances.filter")}
          placeholder={t("instances.filter")}
          value={words}
          onChange={(event) => set({ q: event.target.value || undefined })}
          className="min-w-40 flex-1 md:max-w-72"
        />
        <Select
          aria-label={t("instances.state")}
          value={search.state ?? ""}
          onChange={(event) => set({ state: STANDINGS.find((standing) => standing === event.target.value) })}
          options={[
            ["", t("instances.anyState")],
            ...STANDINGS.map((standing) => [standing, t(`instances.standing_${standing}`)] as const),
          ]}
        />
        <Input
          aria-label={t("instances.labels")}
          placeholder={t("instances.selector")}
          value={search.labels ?? ""}
          onChange={(event) => set({ labels: event.target.value || undefined })}
          className="min-w-40 flex-1 font-mono max-md:hidden md:max-w-72"
        />
        {isFiltered && (
          <Button look="quiet" icon={<Icon of={X} />} onClick={() => set({ q: undefined, state: undefined, labels: undefined })}>
            {t("instances.clear")}
          </Button>
        )}
        <span className="flex gap-2 max-md:hidden">
          <ColumnsMenu columns={columns} onChange={(chosen) => set({ columns: chosen })} />
          <ViewsMenu tenant={tenant} search={search} onChoose={(view) => void navigate({ to: ".", search: view })} />
        </span>
        {names.length > 0 && (
          <div role="toolbar" aria-label={t("instances.actions")} className="appear ml-auto flex flex-wrap items-center gap-2">
            <span className="text-sm text-ink-soft">{t("instances.selected", { count: names.length })}</span>
            {BULK.map((each) => (
              <Button
                key={each}
                icon={<Icon of={ACTIONS[each].icon} size={14} />}
                disabled={!me || !allows(me, ACTIONS[each].permission)}
                onClick={() => setAction(each)}
              >
                {t(`instances.act_${each}`)}
              </Button>
            ))}
          </div>
        )}
      </search>
      {done && all && <BulkResult {...done} instances={all} tenant={tenant} onClose={() => setDone(undefined)} />}
      {fleet.data?.isCut && <p className="pb-2 text-sm text-warn">{t("instances.cut", { count: FLEET_MAX })}</p>}
      {fleet.error && all && labels !== "" && <ErrorNote error={fleet.error} />}
      {all === undefined ? (
        fleet.error ? (
          <Failure error={fleet.error} onRetry={() => void fleet.refetch()} />
        ) : (
          <Skeleton lines={10} className="rounded-lg border border-line bg-panel p-4" />
        )
      ) : shown.length === 0 ? (
        <div className="rounded-lg border border-line bg-panel">
          <Empty icon={<Icon of={Boxes} size={20} />} title={t(isFiltered ? "instances.noMatch" : "instances.emptyTitle")}>
            {!isFiltered && <p>{t("instances.emptyHelp")}</p>}
          </Empty>
        </div>
      ) : (
        <Table
          instances={shown}
          tenant={tenant}
          search={search}
          columns={columns}
          selected={selected}
          onSelect={setSelected}
          onSort={(sort, desc) => set({ sort, desc })}
        />
      )}
      {action && (
        <ActionDialog
          action={action}
          names={names}
          tenant={tenant}
          onClose={() => setAction(undefined)}
          onDone={() => {
            setSelected(new Set());
            setDone({ action, names });
          }}
        />
      )}
    </div>
  );
}

function Table({
  instances,
  tenant,
  search,
  columns,
  selected,
  onSelect,
  onSort,
}: {
  readonly instances: readonly ClawInstance[];
  readonly tenant: string;
  readonly search: InstancesSearch;
  readonly columns: readonly Column[];
  readonly selected: ReadonlySet<string>;
  readonly onSelect: Dispatch<SetStateAction<ReadonlySet<string>>>;
  readonly onSort: (sort: Sort | undefined, desc: boolean | undefined) => void;
}) {
  const t = useTexts();
  const isPhone = useIsPhone();
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: instances.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (isPhone ? CARD_PX : ROW_PX),
    overscan: 12,
    getItemKey: (index) => instances[index]?.metadata.uid ?? index,
  });
  const areAll = instances.every(({ metadata }) => selected.has(metadata.name));
  const toggle = useCallback(
    (name: string) =>
      onSelect((before) => {
        const next = new Set(before);
        if (!next.delete(name)) {
          next.add(name);
        }
        return next;
      }),
    [onSelect],
  );
  const head = (sort: Sort, text: string) => {
    const isCurrent = (search.sort ?? "name") === sort;
    const isDescending = search.desc ?? false;
    return (
      <div role="columnheader" aria-sort={isCurrent ? (isDescending ? "descending" : "ascending") : "none"}>
        <button
          type="button"
          className="flex items-center gap-1 rounded-sm hover:text-ink"
          onClick={() => onSort(sort === "name" ? undefined : sort, isCurrent && !isDescending ? true : undefined)}
        >
          {text}
          {isCurrent && <Icon of={isDescending ? ArrowDown : ArrowUp} size={12} />}
        </button>
      </div>
    );
  };
  const rows = virtual.getVirtualItems();
  const template = useMemo(() => gridOf(columns), [columns]);
  const minWidth = isPhone ? undefined : widthOf(columns);
  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="table"
      aria-label={t("instances.title")}
      aria-rowcount={instances.length + 1}
      className="min-h-0 flex-1 overflow-auto rounded-lg border border-line bg-panel"
    >
      <div role="rowgroup" className="sticky top-0 z-10 border-b border-line bg-panel max-md:hidden" style={{ minWidth }}>
        <div
          role="row"
          aria-rowindex={1}
          className={`${GRID} h-9 text-xs font-medium text-ink-faint`}
          style={{ gridTemplateColumns: template }}
        >
          <div role="columnheader" className="flex">
            <input
              type="checkbox"
              aria-label={t("instances.select", { name: t("instances.many", { count: instances.length }) })}
              checked={areAll}
              onChange={() => onSelect(new Set(areAll ? [] : instances.map(({ metadata }) => metadata.name)))}
            />
          </div>
          {head("name", t("instances.name"))}
          {head("state", t("instances.state"))}
          {columns.map((column) => {
            const { text, end, sort } = COLUMN_FACTS[column];
            return sort ? (
              <div key={column} className={end ? "flex justify-end" : ""}>
                {head(sort, t(text))}
              </div>
            ) : (
              <div key={column} role="columnheader" className={end ? "text-right" : ""}>
                {t(text)}
              </div>
            );
          })}
        </div>
      </div>
      <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize(), minWidth }}>
        {rows.map(({ index, key, start }) => {
          const instance = instances[index];
          return (
            instance && (
              <Row
                key={key}
                instance={instance}
                tenant={tenant}
                index={index}
                start={start}
                isPhone={isPhone}
                columns={columns}
                template={template}
                isSelected={selected.has(instance.metadata.name)}
                onToggle={toggle}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  readonly instance: ClawInstance;
  readonly tenant: string;
  readonly index: number;
  readonly start: number;
  readonly isPhone: boolean;
  readonly columns: readonly Column[];
  readonly template: string;
  readonly isSelected: boolean;
  readonly onToggle: (name: string) => void;
}

const Row = memo(
  function Row({ instance, tenant, index, start, isPhone, columns, template, isSelected, onToggle }: RowProps) {
    const t = useTexts();
    const { metadata, spec, status } = instance;
    const worry = worryOf(instance);
    const link = (className: string) => (
      <Link to="/t/$tenant/instances/$id/{-$tab}" params={{ tenant, id: metadata.name, tab: undefined }} className={className}>
        {metadata.name}
      </Link>
    );
    if (isPhone) {
      return (
        <div
          role="row"
          aria-rowindex={index + 2}
          className="absolute inset-x-0 flex flex-col justify-center gap-1 border-b border-line px-4"
          style={{ height: CARD_PX, transform: `translateY(${start}px)` }}
        >
          <div role="cell" className="flex items-center justify-between gap-3">
            {link("min-w-0 truncate text-lg font-medium after:absolute after:inset-0")}
            <InstanceStatus instance={instance} />
          </div>
          <div role="cell" className={`truncate text-sm ${worry ? "text-warn" : "text-ink-soft"}`}>
            {worry ? worry.message || worry.reason : `${spec.type} ${status.version ?? ""} · ${status.cluster}`}
          </div>
        </div>
      );
    }
    return (
      <div
        role="row"
        aria-rowindex={index + 2}
        aria-selected={isSelected}
        className={`${GRID} absolute inset-x-0 border-b border-line text-sm hover:bg-sunken ${isSelected ? "bg-accent-soft" : ""}`}
        style={{ height: ROW_PX, transform: `translateY(${start}px)`, gridTemplateColumns: template }}
      >
        <div role="cell" className="flex">
          <input
            type="checkbox"
            aria-label={t("instances.select", { name: metadata.name })}
            checked={isSelected}
            onChange={() => onToggle(metadata.name)}
          />
        </div>
        <div role="cell" className="flex min-w-0 items-baseline gap-2">
          {link("truncate rounded-sm font-medium hover:text-accent hover:underline")}
          {metadata.project !== undefined && metadata.project !== "default" && !columns.includes("project") && (
            <span className="truncate text-xs text-ink-faint">{metadata.project}</span>
          )}
        </div>
        <div role="cell" className="flex" title={worry && `${worry.reason}: ${worry.message}`}>
          <InstanceStatus instance={instance} />
        </div>
        {columns.map((column) => (
          <div key={column} role="cell" className={`truncate text-ink-soft ${COLUMN_FACTS[column].end ? "tabular text-right" : ""}`}>
            {cellOf(column, instance)}
          </div>
        ))}
      </div>
    );
  },
  (a, b) =>
    a.instance === b.instance &&
    a.start === b.start &&
    a.isSelected === b.isSelected &&
    a.isPhone === b.isPhone &&
    a.columns === b.columns &&
    a.index === b.index &&
    a.onToggle === b.onToggle,
);
