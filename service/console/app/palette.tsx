import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Building2, Keyboard, MessagesSquare, ScrollText, Search, SquareTerminal, SunMoon } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { fleetQuery } from "../instances/queries.ts";
import { toneOf } from "../instances/state.ts";
import { Icon } from "../parts/icon.tsx";
import { ToneIcon } from "../parts/status.tsx";
import type { Area } from "./areas.ts";
import { tenantsQuery } from "./claw.ts";
import { found } from "./found.ts";
import { toggleTheme, useTexts } from "./preferences.ts";

const SHOWN_MAX = 30;

interface Entry {
  readonly id: string;
  readonly group: string;
  readonly text: string;
  readonly icon: ReactNode;
  readonly act: () => void;
}

/** One field for everything: go to a page or an instance, act on it, change the tenant. */
export function Palette({
  tenant,
  areas,
  onClose,
  onKeys,
}: {
  readonly tenant: string;
  readonly areas: readonly Area[];
  readonly onClose: () => void;
  readonly onKeys: () => void;
}) {
  const t = useTexts();
  const navigate = useNavigate();
  const listId = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [words, setWords] = useState("");
  const [current, setCurrent] = useState(0);
  const fleet = useQuery(fleetQuery(tenant)).data?.items ?? [];
  const tenants = useQuery(tenantsQuery()).data ?? [];
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const toInstance = (id: string, tab: string | undefined) =>
    void navigate({ to: "/t/$tenant/instances/$id/{-$tab}", params: { tenant, id, tab } });
  const entries: readonly Entry[] = [
    ...areas.map(({ to, kind = "", text, icon }) => ({
      id: `${to} ${kind}`,
      group: t("app.pages"),
      text: t(text),
      icon: <Icon of={icon} />,
      act: () => void navigate({ to, params: { tenant, kind } }),
    })),
    ...fleet.map((instance) => ({
      id: instance.metadata.uid,
      group: t("app.instances"),
      text: instance.metadata.name,
      icon: <ToneIcon tone={toneOf(instance)} />,
      act: () => toInstance(instance.metadata.name, undefined),
    })),
    // With something typed, what can be done with those that are called so.
    ...(words === ""
      ? []
      : fleet.slice(0, 2_000).flatMap(({ metadata: { name, uid } }) =>
          (
            [
              ["chat", MessagesSquare],
              ["logs", ScrollText],
              ["terminal", SquareTerminal],
            ] as const
          ).map(([tab, icon]) => ({
            id: `${uid} ${tab}`,
            group: t("app.actions"),
            text: `${name}: ${t(`instances.tab_${tab}`)}`,
            icon: <Icon of={icon} />,
            act: () => toInstance(name, tab),
          })),
        )),
    { id: "theme", group: t("app.actions"), text: t("app.keyTheme"), icon: <Icon of={SunMoon} />, act: toggleTheme },
    { id: "keys", group: t("app.actions"), text: t("app.keyboard"), icon: <Icon of={Keyboard} />, act: onKeys },
    ...tenants
      .filter((name) => name !== tenant)
      .map((name) => ({
        id: `tenant ${name}`,
        group: t("app.tenants"),
        text: name,
        icon: <Icon of={Building2} />,
        act: () => void navigate({ to: "/t/$tenant", params: { tenant: name } }),
      })),
  ];
  const shown = found(entries, words, SHOWN_MAX);
  const chosen = Math.min(current, shown.length - 1);
  const act = (entry: Entry | undefined) => {
    if (entry) {
      onClose();
      entry.act();
    }
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes it at Escape
    <dialog
      ref={dialog}
      aria-label={t("app.search")}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={({ target }) => target === dialog.current && onClose()}
      className="appear mt-[12vh] w-full max-w-xl overflow-hidden rounded-lg border border-line bg-raised shadow-2xl max-md:mt-2 max-md:w-[calc(100%-1rem)]"
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4">
        <Icon of={Search} className="text-ink-faint" />
        <input
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={shown[chosen] && `${listId}-${chosen}`}
          aria-label={t("app.search")}
          placeholder={t("app.search")}
          autoComplete="off"
          spellCheck={false}
          value={words}
          onChange={(event) => {
            setWords(event.target.value);
            setCurrent(0);
          }}
          onKeyDown={(event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (step !== undefined) {
              event.preventDefault();
              setCurrent((chosen + step + shown.length) % Math.max(1, shown.length));
            } else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
              event.preventDefault();
              act(shown[chosen]);
            }
          }}
          className="h-12 min-w-0 flex-1 bg-transparent text-lg outline-none placeholder:text-ink-faint"
        />
      </div>
      <div id={listId} role="listbox" aria-label={t("app.search")} className="max-h-[min(24rem,60dvh)] overflow-y-auto p-1.5">
        {shown.length === 0 && <p className="p-4 text-sm text-ink-soft">{t("app.paletteEmpty")}</p>}
        {shown.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the field's, which says which one is active
          <div
            key={entry.id}
            id={`${listId}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            ref={index === chosen ? (element) => element?.scrollIntoView({ block: "nearest" }) : undefined}
            onMouseMove={() => setCurrent(index)}
            onClick={() => act(entry)}
            className="flex min-h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 text-sm aria-selected:bg-accent-soft max-md:min-h-11"
          >
            {entry.icon}
            <span className="min-w-0 flex-1 truncate">{entry.text}</span>
            <span className="text-xs text-ink-faint">{entry.group}</span>
          </div>
        ))}
      </div>
      <p className="border-t border-line px-4 py-2 text-xs text-ink-faint max-md:hidden">{t("app.paletteHint")}</p>
    </dialog>
  );
}
