import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import {
  BookOpen,
  ChevronsUpDown,
  CircleUser,
  CloudOff,
  Ellipsis,
  Keyboard,
  LogOut,
  MonitorSmartphone,
  Search,
  Settings2,
} from "lucide-react";
import { useEffect, useState } from "react";
import { Button, IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Mark } from "../parts/mark.tsx";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuSeparator } from "../parts/menu.tsx";
import { Ago } from "../parts/time.tsx";
import { Toasts } from "../parts/toasts.tsx";
import { AREAS, type Area, GROUPS } from "./areas.ts";
import { mayAnywhere, meQuery, queries, tenantsQuery } from "./claw.ts";
import { useConnection } from "./connection.ts";
import { useHotkeys } from "./hotkeys.ts";
import { KeyboardHelp } from "./keyboard-help.tsx";
import { Palette } from "./palette.tsx";
import { isApple } from "./platform.ts";
import { keepTenant, setLanguage, setTheme, THEMES, toggleTheme, useLanguage, useTexts, useTheme } from "./preferences.ts";
import { signOut } from "./session.ts";

/** The frame of all pages of a tenant: where one is, where one can go, and who one is. */
export function Shell() {
  const t = useTexts();
  const { tenant = "" } = useParams({ strict: false });
  const navigate = useNavigate();
  const me = useQuery(meQuery(tenant));
  const [open, setOpen] = useState<"palette" | "keys">();
  const areas = AREAS.filter(({ permission }) => me.data && mayAnywhere(me.data, permission));
  useEffect(() => keepTenant(tenant), [tenant]);
  useHotkeys({
    "mod+k": () => setOpen("palette"),
    "?": () => setOpen("keys"),
    "g t": toggleTheme,
    ...Object.fromEntries(AREAS.map(({ key, to, kind = "" }) => [`g ${key}`, () => void navigate({ to, params: { tenant, kind } })])),
  });
  return (
    <div className="flex h-dvh max-md:flex-col">
      <a
        href="#content"
        className="fixed top-2 left-2 z-50 -translate-y-20 rounded-md bg-accent px-3 py-2 text-on-accent focus:translate-y-0"
      >
        {t("app.skip")}
      </a>
      <aside className="flex w-56 shrink-0 flex-col border-r border-line bg-panel max-md:hidden">
        <div className="p-2">
          <TenantMenu tenant={tenant} />
        </div>
        <div className="px-2 pb-2">
          <SearchButton onOpen={() => setOpen("palette")} />
        </div>
        <nav aria-label={t("app.navigation")} className="min-h-0 flex-1 overflow-y-auto px-2">
          {GROUPS.map((group) => {
            const shown = group.areas.filter((area) => areas.includes(area));
            return (
              shown.length > 0 && (
                <div key={group.text ?? ""} className="pb-3">
                  {group.text && <p className="px-2 pb-1 text-xs font-medium text-ink-faint">{t(group.text)}</p>}
                  <ul className="flex flex-col gap-0.5">
                    {shown.map((area) => (
                      <li key={area.text}>
                        <AreaLink area={area} tenant={tenant} />
                      </li>
                    ))}
                  </ul>
                </div>
              )
            );
          })}
        </nav>
        <div className="border-t border-line p-2">
          <UserMenu subject={me.data?.subject} onKeys={() => setOpen("keys")} isWide />
        </div>
      </aside>
      <header className="flex items-center gap-2 border-b border-line bg-panel px-2 py-1 md:hidden">
        <div className="min-w-0 flex-1">
          <TenantMenu tenant={tenant} />
        </div>
        <UserMenu subject={me.data?.subject} onKeys={() => setOpen("keys")} />
      </header>
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <OfflineNote />
        <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto px-4 py-4 outline-none md:px-6 md:py-5">
          <Outlet />
        </main>
      </div>
      <nav
        aria-label={t("app.navigation")}
        className="flex shrink-0 justify-around border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        {areas.slice(0, 2).map((area) => (
          <AreaLink key={area.text} area={area} tenant={tenant} isTab />
        ))}
        <button type="button" onClick={() => setOpen("palette")} className={TAB}>
          <Icon of={Search} size={20} />
          {t("app.searchShort")}
        </button>
        <Menu
          trigger={
            <button type="button" className={TAB}>
              <Icon of={Ellipsis} size={20} />
              {t("app.more")}
            </button>
          }
        >
          {areas.slice(2).map(({ to, kind = "", text, icon }) => (
            <MenuItem key={text} icon={<Icon of={icon} />} onSelect={() => void navigate({ to, params: { tenant, kind } })}>
              {t(text)}
            </MenuItem>
          ))}
        </Menu>
      </nav>
      {open === "palette" && <Palette tenant={tenant} areas={areas} onClose={() => setOpen(undefined)} onKeys={() => setOpen("keys")} />}
      {open === "keys" && <KeyboardHelp onClose={() => setOpen(undefined)} />}
      <Toasts />
    </div>
  );
}

const TAB = "flex min-h-14 flex-1 flex-col items-center justify-center gap-0.5 text-xs text-ink-soft aria-[current=page]:text-accent";

function AreaLink({
  area: { to, kind = "", text, icon },
  tenant,
  isTab = false,
}: {
  readonly area: Area;
  readonly tenant: string;
  readonly isTab?: boolean;
}) {
  const t = useTexts();
  return (
    <Link
      to={to}
      params={{ tenant, kind }}
      activeOptions={{ exact: to === "/t/$tenant", includeSearch: false }}
      activeProps={{ "aria-current": "page" }}
      className={
        isTab
          ? TAB
          : "flex h-8 items-center gap-2.5 rounded-md px-2 text-sm text-ink-soft hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent"
      }
    >
      <Icon of={icon} size={isTab ? 20 : 16} />
      {t(text)}
    </Link>
  );
}

function SearchButton({ onOpen }: { readonly onOpen: () => void }) {
  const t = useTexts();
  return (
    <button
      type="button"
      onClick={onOpen}
      className="flex h-8 w-full items-center gap-2 rounded-md border border-line bg-ground px-2 text-sm text-ink-faint hover:border-line-strong"
    >
      <Icon of={Search} size={14} />
      <span className="flex-1 truncate text-left">{t("app.search")}</span>
      <kbd className="font-sans text-xs">{isApple() ? "⌘K" : "Ctrl K"}</kbd>
    </button>
  );
}

function TenantMenu({ tenant }: { readonly tenant: string }) {
  const t = useTexts();
  const navigate = useNavigate();
  const tenants = useQuery(tenantsQuery()).data ?? [];
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          aria-label={`${t("app.tenant")}: ${tenant}`}
          className="flex h-10 w-full items-center gap-2.5 rounded-md px-2 text-left hover:bg-sunken max-md:h-11"
        >
          <Mark />
          <span className="min-w-0 flex-1 truncate font-semibold">{tenant}</span>
          <Icon of={ChevronsUpDown} size={14} className="text-ink-faint" />
        </button>
      }
    >
      <MenuChoice
        label={t("app.chooseTenant")}
        value={tenant}
        options={[...new Set([tenant, ...tenants])].sort().map((name) => [name, name] as const)}
        onChange={(name) => void navigate({ to: "/t/$tenant", params: { tenant: name } })}
      />
    </Menu>
  );
}

function UserMenu({
  subject,
  onKeys,
  isWide = false,
}: {
  readonly subject: string | undefined;
  readonly onKeys: () => void;
  readonly isWide?: boolean;
}) {
  const t = useTexts();
  const navigate = useNavigate();
  const { tenant = "" } = useParams({ strict: false });
  const theme = useTheme();
  const language = useLanguage();
  const leave = async () => {
    await signOut().catch(() => undefined);
    queries.clear();
    await navigate({ to: "/sign-in" });
  };
  return (
    <Menu
      trigger={
        isWide ? (
          <button type="button" className="flex h-9 w-full items-center gap-2.5 rounded-md px-2 text-left text-sm hover:bg-sunken">
            <Icon of={CircleUser} />
            <span className="min-w-0 flex-1 truncate">{subject ?? "…"}</span>
            <Icon of={Settings2} size={14} className="text-ink-faint" />
          </button>
        ) : (
          <IconButton label={t("app.signedInAs")} icon={<Icon of={CircleUser} size={20} />} />
        )
      }
    >
      <MenuLabel>
        {t("app.signedInAs")} <span className="block max-w-60 text-sm break-all text-ink">{subject}</span>
      </MenuLabel>
      <MenuSeparator />
      <MenuChoice
        label={t("app.theme")}
        value={theme}
        options={THEMES.map(
          (each) => [each, t(({ system: "app.themeSystem", light: "app.themeLight", dark: "app.themeDark" } as const)[each])] as const,
        )}
        onChange={setTheme}
      />
      <MenuSeparator />
      <MenuChoice
        label={t("app.language")}
        value={language}
        options={[
          ["en", "English"],
          ["zh", "简体中文"],
        ]}
        onChange={setLanguage}
      />
      <MenuSeparator />
      <MenuItem icon={<Icon of={MonitorSmartphone} />} onSelect={() => void navigate({ to: "/t/$tenant/sessions", params: { tenant } })}>
        {t("access.sessions")}
      </MenuItem>
      <MenuItem icon={<Icon of={Keyboard} />} onSelect={onKeys}>
        {t("app.keyboard")}
      </MenuItem>
      <MenuItem icon={<Icon of={BookOpen} />} onSelect={() => window.open("/docs", "_blank", "noopener")}>
        {t("app.apiDocs")}
      </MenuItem>
      <MenuSeparator />
      <MenuItem icon={<Icon of={LogOut} />} onSelect={() => void leave()}>
        {t("app.signOut")}
      </MenuItem>
    </Menu>
  );
}

const AGAIN_MS = 3_000;

/** Said once for the whole page, while nothing answers. */
function OfflineNote() {
  const t = useTexts();
  const { isSilent, answeredAtMs } = useConnection();
  useEffect(() => {
    if (!isSilent) {
      return;
    }
    const timer = setInterval(() => {
      void queries.refetchQueries({ type: "active", predicate: ({ state }) => state.status === "error" });
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [isSilent]);
  const [before, after] = t("app.offlineHelp", { ago: "\u0000" }).split("\u0000");
  return (
    <div role="status">
      {isSilent && (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-warn-soft px-4 py-2 text-sm md:px-6">
          <Icon of={CloudOff} className="text-warn" />
          <span className="font-medium">{t("app.offlineTitle")}</span>
          <span className="text-ink-soft">
            {before}
            <Ago time={answeredAtMs} />
            {after}
          </span>
          <Button look="quiet" className="ml-auto" onClick={() => void queries.refetchQueries({ type: "active" })}>
            {t("app.retry")}
          </Button>
        </p>
      )}
    </div>
  );
}
