import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { EllipsisVertical, ExternalLink } from "lucide-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { NotFoundError } from "../../../sdk/client/index.ts";
import type { ClawInstance, Me } from "../../../sdk/contract/index.ts";
import { allows, meQuery } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button, IconButton } from "../parts/button.tsx";
import { Equivalents } from "../parts/equivalents.tsx";
import { Icon } from "../parts/icon.tsx";
import { Menu, MenuItem, MenuSeparator } from "../parts/menu.tsx";
import { PageHead } from "../parts/panel.tsx";
import { Failure, Skeleton } from "../parts/states.tsx";
import { ACTIONS, ActionDialog } from "./actions.tsx";
import { ChatTab } from "./chat-tab.tsx";
import { ConfigTab } from "./config-tab.tsx";
import { EventsTab } from "./events-tab.tsx";
import { LogsTab } from "./logs-tab.tsx";
import { openPage } from "./open-page.ts";
import { OperationsTab } from "./operations-tab.tsx";
import type { Action } from "./outcome.ts";
import { instanceQuery } from "./queries.ts";
import { InstanceStatus } from "./standing.tsx";
import { SummaryTab } from "./summary-tab.tsx";
import { isTab, TABS, type Tab } from "./tabs.ts";

const TerminalTab = lazy(() => import("./terminal-tab.tsx").then(({ TerminalTab: tab }) => ({ default: tab })));
const MetricsTab = lazy(() => import("./metrics-tab.tsx").then(({ MetricsTab: tab }) => ({ default: tab })));
const ConsistencyTab = lazy(() => import("../consistency/consistency-tab.tsx").then(({ ConsistencyTab: tab }) => ({ default: tab })));
const SpecTab = lazy(() => import("./spec-tab.tsx").then(({ SpecTab: tab }) => ({ default: tab })));

/** What each part of the page takes to be read. */
const PERMISSIONS = {
  summary: "instances.read",
  chat: "instances.chat",
  logs: "instances.logs",
  terminal: "instances.console",
  metrics: "instances.read",
  config: "instances.read",
  consistency: "instances.read",
  spec: "instances.read",
  operations: "instances.read",
  events: "instances.read",
} as const satisfies Record<Tab, string>;

/** One instance: what it is and how it does, and ways to talk to it, look into it and change it. */
export function InstancePage() {
  const { tenant = "", id = "", tab: named } = useParams({ strict: false });
  const tab: Tab = isTab(named) ? named : "summary";
  const instance = useQuery(instanceQuery(tenant, id));
  const me = useQuery(meQuery(tenant)).data;
  if (!instance.data || !me || instance.error instanceof NotFoundError) {
    return instance.error ? <Failure error={instance.error} onRetry={() => void instance.refetch()} /> : <Skeleton lines={8} />;
  }
  return <Loaded instance={instance.data} me={me} tenant={tenant} tab={tab} />;
}

function Loaded({
  instance,
  me,
  tenant,
  tab,
}: {
  readonly instance: ClawInstance;
  readonly me: Me;
  readonly tenant: string;
  readonly tab: Tab;
}) {
  const t = useTexts();
  const navigate = useNavigate();
  const [action, setAction] = useState<Action>();
  const { name, project, uid } = instance.metadata;
  const may = (permission: Parameters<typeof allows>[1]) => allows(me, permission, project);
  const tabs = TABS.filter((each) => may(PERMISSIONS[each]));
  const button = (each: Action, look?: "primary") => (
    <Button
      look={look}
      icon={<Icon of={ACTIONS[each].icon} size={14} />}
      disabled={!may(ACTIONS[each].permission)}
      title={may(ACTIONS[each].permission) ? undefined : t("instances.mayNot", { permission: ACTIONS[each].permission })}
      onClick={() => setAction(each)}
    >
      {t(`instances.act_${each}`)}
    </Button>
  );
  const item = (each: Action) => (
    <MenuItem
      icon={<Icon of={ACTIONS[each].icon} size={14} />}
      danger={each !== "restart"}
      disabled={!may(ACTIONS[each].permission)}
      onSelect={() => setAction(each)}
    >
      {t(`instances.act_${each}`)}
    </MenuItem>
  );
  const parts: Readonly<Record<Tab, () => ReactNode>> = {
    summary: () => <SummaryTab instance={instance} tenant={tenant} />,
    chat: () => <ChatTab key={uid} instance={instance} tenant={tenant} />,
    logs: () => <LogsTab key={uid} instance={instance} tenant={tenant} />,
    terminal: () => <TerminalTab key={uid} instance={instance} tenant={tenant} />,
    metrics: () => <MetricsTab key={uid} instance={instance} tenant={tenant} />,
    config: () => <ConfigTab instance={instance} tenant={tenant} />,
    consistency: () => <ConsistencyTab key={uid} instance={instance} tenant={tenant} me={me} />,
    spec: () => <SpecTab key={uid} instance={instance} tenant={tenant} me={me} />,
    operations: () => <OperationsTab instance={instance} tenant={tenant} />,
    events: () => <EventsTab id={uid} tenant={tenant} />,
  };
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={
          <>
            <span className="min-w-0 truncate">{name}</span>
            <InstanceStatus instance={instance} soft />
          </>
        }
        actions={
          <>
            <Equivalents tenant={tenant} command={`claw get instance ${name} -o yaml`} path={`/instances/${name}`} />
            {instance.spec.running ? button("stop") : button("start", "primary")}
            <Menu
              trigger={
                <IconButton label={t("instances.actions")} icon={<Icon of={EllipsisVertical} />} className="border border-line-strong" />
              }
            >
              <MenuItem
                icon={<Icon of={ExternalLink} size={14} />}
                disabled={!may("instances.connect") || instance.status.phase !== "Running"}
                onSelect={() => void openPage(tenant, uid)}
              >
                {t("instances.openPage")}
              </MenuItem>
              <MenuSeparator />
              {item("restart")}
              {item("kill")}
              <MenuSeparator />
              {item("destroy")}
            </Menu>
          </>
        }
      />
      <nav aria-label={t("instances.tabs")} className="-mx-4 mb-4 flex gap-1 overflow-x-auto border-b border-line px-4 md:-mx-6 md:px-6">
        {tabs.map((each) => (
          <Link
            key={each}
            to="/t/$tenant/instances/$id/{-$tab}"
            params={{ tenant, id: name, tab: each === "summary" ? undefined : each }}
            aria-current={each === tab ? "page" : undefined}
            className={`-mb-px border-b-2 px-3 py-2 text-sm whitespace-nowrap max-md:py-3 ${each === tab ? "border-accent font-medium text-ink" : "border-transparent text-ink-soft hover:text-ink"}`}
          >
            {t(`instances.tab_${each}`)}
          </Link>
        ))}
      </nav>
      <div className="flex min-h-0 flex-1 flex-col">
        <Suspense fallback={<Skeleton lines={6} />}>{parts[tab]()}</Suspense>
      </div>
      {action && (
        <ActionDialog
          action={action}
          names={[name]}
          tenant={tenant}
          onClose={() => setAction(undefined)}
          onDone={() => action === "destroy" && void navigate({ to: "/t/$tenant/instances", params: { tenant } })}
        />
      )}
    </div>
  );
}
