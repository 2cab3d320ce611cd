import { SearchX } from "lucide-react";
import { useTexts } from "../app/preferences.ts";
import { Icon } from "./icon.tsx";
import { Empty } from "./states.tsx";

/** An address of nothing. */
export function NotFoundPage() {
  const t = useTexts();
  return (
    <Empty icon={<Icon of={SearchX} size={20} />} title={t("app.notFoundTitle")}>
      <p>{t("app.notFoundHelp")}</p>
      <a href="/" className="text-accent hover:underline">
        {t("app.toOverview")}
      </a>
    </Empty>
  );
}
