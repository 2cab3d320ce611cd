import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { useTexts } from "../app/preferences.ts";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";

/** A modal dialog: the browser's own, which keeps the focus, ends at Escape and hides the rest from screen readers. */
export function Dialog({
  title,
  onClose,
  children,
  footer,
  size = "md",
}: {
  readonly title: ReactNode;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly footer?: ReactNode;
  readonly size?: "sm" | "md" | "lg";
}) {
  const t = useTexts();
  const titleId = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    shown?.showModal();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement) {
        before.focus();
      }
    };
  }, []);
  const width = { sm: "md:w-md", md: "md:w-xl", lg: "md:w-[56rem]" }[size];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes it at Escape
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) {
          onClose();
        }
      }}
      className={`appear max-h-[min(85dvh,52rem)] w-full overflow-hidden rounded-lg border border-line bg-raised shadow-2xl max-md:mb-0 max-md:max-h-[92dvh] max-md:max-w-full max-md:rounded-b-none ${width}`}
    >
      <div className="flex max-h-[inherit] flex-col">
        <header className="flex items-center justify-between gap-3 border-b border-line py-2 pr-2 pl-4">
          <h2 id={titleId} className="min-w-0 truncate text-base font-semibold">
            {title}
          </h2>
          <IconButton label={t("app.close")} icon={<Icon of={X} />} onClick={onClose} />
        </header>
        <div className="min-h-0 flex-1 overflow-y-auto p-4">{children}</div>
        {footer !== undefined && (
          <footer className="flex flex-wrap justify-end gap-2 border-t border-line bg-panel px-4 py-3">{footer}</footer>
        )}
      </div>
    </dialog>
  );
}
