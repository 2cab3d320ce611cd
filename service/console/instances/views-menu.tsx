import { Bookmark, BookmarkPlus, Link2, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Input } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "../parts/menu.tsx";
import { tell } from "../parts/toasts.tsx";
import type { InstancesSearch } from "./search.ts";
import { forgetView, keepView, viewsOf } from "./views.ts";

/** Views that somebody has kept, and the way to keep what is shown. */
export function ViewsMenu({
  tenant,
  search,
  onChoose,
}: {
  readonly tenant: string;
  readonly search: InstancesSearch;
  readonly onChoose: (search: InstancesSearch) => void;
}) {
  const t = useTexts();
  const [name, setName] = useState<string>();
  const [views, setViews] = useState(() => viewsOf(tenant));
  const current = views.find((view) => JSON.stringify(view.search) === JSON.stringify(search));
  const save = () => {
    const trimmed = name?.trim() ?? "";
    if (trimmed !== "") {
      keepView(tenant, { name: trimmed, search });
      setViews(viewsOf(tenant));
      setName(undefined);
    }
  };
  return (
    <>
      <Menu trigger={<Button icon={<Icon of={Bookmark} size={14} />}>{current?.name ?? t("instances.views")}</Button>}>
        <MenuLabel>{t(views.length === 0 ? "instances.viewsNone" : "instances.views")}</MenuLabel>
        {views.map((view) => (
          <MenuItem key={view.name} icon={<Icon of={Bookmark} size={14} />} onSelect={() => onChoose(view.search)}>
            {view.name}
          </MenuItem>
        ))}
        <MenuSeparator />
        <MenuItem icon={<Icon of={BookmarkPlus} size={14} />} onSelect={() => setName(current?.name ?? "")}>
          {t("instances.viewSave")}
        </MenuItem>
        <MenuItem
          icon={<Icon of={Link2} size={14} />}
          onSelect={() => void navigator.clipboard.writeText(location.href).then(() => tell("good", t("app.copied")))}
        >
          {t("instances.viewLink")}
        </MenuItem>
        {current && (
          <MenuItem
            danger
            icon={<Icon of={Trash2} size={14} />}
            onSelect={() => {
              forgetView(tenant, current.name);
              setViews(viewsOf(tenant));
            }}
          >
            {t("instances.viewForget", { name: current.name })}
          </MenuItem>
        )}
      </Menu>
      {name !== undefined && (
        <Dialog
          title={t("instances.viewSave")}
          size="sm"
          onClose={() => setName(undefined)}
          footer={
            <>
              <Button onClick={() => setName(undefined)}>{t("app.cancel")}</Button>
              <Button look="primary" disabled={name.trim() === ""} onClick={save}>
                {t("instances.viewSaveDo")}
              </Button>
            </>
          }
        >
          <form
            onSubmit={(event) => {
              event.preventDefault();
              save();
            }}
          >
            <Field label={t("instances.name")} help={t("instances.viewHelp")}>
              {(ids) => <Input {...ids} maxLength={60} value={name} onChange={(event) => setName(event.target.value)} />}
            </Field>
          </form>
        </Dialog>
      )}
    </>
  );
}
