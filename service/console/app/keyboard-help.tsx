import { Dialog } from "../parts/dialog.tsx";
import { AREAS } from "./areas.ts";
import type { TextKey } from "./catalogue.ts";
import { isApple } from "./platform.ts";
import { useTexts } from "./preferences.ts";

/** Every key and what it does. */
export function KeyboardHelp({ onClose }: { readonly onClose: () => void }) {
  const t = useTexts();
  const keys: readonly (readonly [keys: string, text: TextKey])[] = [
    [isApple() ? "⌘ K" : "Ctrl K", "app.keySearch"],
    ["/", "app.keyFilter"],
    ...AREAS.flatMap(({ key, text }) => (key === undefined ? [] : [[`g ${key}`, text] as const])),
    ["g t", "app.keyTheme"],
    ["?", "app.keyHelp"],
  ];
  return (
    <Dialog title={t("app.keyboard")} size="sm" onClose={onClose}>
      <dl className="grid grid-cols-[6rem_1fr] items-center gap-y-2 text-sm">
        {keys.map(([pressed, text]) => (
          <div key={pressed} className="contents">
            <dt className="flex gap-1">
              {pressed.split(" ").map((key) => (
                <kbd
                  key={key}
                  className="min-w-6 rounded-sm border border-line-strong bg-sunken px-1.5 text-center font-mono text-xs leading-5"
                >
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <p className="pt-4 text-sm text-ink-faint">{t("app.keyboardHelp")}</p>
    </Dialog>
  );
}
