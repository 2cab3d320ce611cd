import { CloudOff, Lock, SearchX, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError, ConnectionError, NotFoundError } from "../../../sdk/client/index.ts";
import { isForbidden } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";

/** Grey bars where lines will be, so that nothing moves when they come. */
export function Skeleton({ lines = 3, className = "" }: { readonly lines?: number; readonly className?: string }) {
  const t = useTexts();
  return (
    <div role="status" aria-label={t("app.loading")} className={`flex flex-col gap-3 ${className}`}>
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="breathe h-4 rounded-sm bg-sunken" style={{ width: `${92 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

/** A page or a part without anything in it yet: says what would be there, and how it comes to be. */
export function Empty({ icon, title, children }: { readonly icon: ReactNode; readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-2 px-4 py-10 text-center text-sm text-ink-soft">
      <div className="flex size-10 items-center justify-center rounded-lg bg-sunken text-ink-faint">{icon}</div>
      <p className="text-base font-medium text-ink">{title}</p>
      {children}
    </div>
  );
}

/** What a failed request says: in the service's own words, by field, with the request's id for whoever looks into its log. */
export function Failure({ error, onRetry }: { readonly error: unknown; readonly onRetry?: (() => void) | undefined }) {
  const t = useTexts();
  const [icon, title] =
    error instanceof NotFoundError
      ? [SearchX, t("app.notFoundTitle")]
      : isForbidden(error)
        ? [Lock, t("app.forbiddenTitle")]
        : error instanceof ConnectionError
          ? [CloudOff, t("app.offlineTitle")]
          : [TriangleAlert, t("app.errorTitle")];
  return (
    <div role="alert" className="mx-auto flex max-w-lg flex-col items-center gap-2 px-4 py-10 text-center text-sm">
      <div className="flex size-10 items-center justify-center rounded-lg bg-bad-soft text-bad">
        <Icon of={icon} size={20} />
      </div>
      <p className="text-base font-medium">{title}</p>
      <ProblemText error={error} />
      {onRetry && <Button onClick={onRetry}>{t("app.retry")}</Button>}
    </div>
  );
}

/** The words of a failure, without a frame. */
export function ProblemText({ error }: { readonly error: unknown }) {
  const t = useTexts();
  const issues = error instanceof ApiError ? error.issues : [];
  return (
    <div className="flex flex-col gap-1.5 break-words text-ink-soft">
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {issues.length > 0 && (
        <ul className="flex flex-col gap-1 text-left">
          {issues.map(({ path, message, fix }) => (
            <li key={`${path} ${message}`}>
              {path !== "" && <code className="font-mono text-xs text-ink">{path}</code>} {message}
              {fix !== undefined && <span className="block text-ink-faint">{fix}</span>}
            </li>
          ))}
        </ul>
      )}
      {error instanceof ApiError && error.requestId !== undefined && (
        <p className="text-xs text-ink-faint">
          {t("app.requestId")} <code className="font-mono">{error.requestId}</code>
        </p>
      )}
    </div>
  );
}

/** What could not be done, above where it was tried. */
export function ErrorNote({ error }: { readonly error: unknown }) {
  return (
    <div role="alert" className="flex gap-2.5 rounded-md border border-bad/40 bg-bad-soft px-3 py-2 text-sm">
      <Icon of={TriangleAlert} className="mt-0.5 text-bad" />
      <ProblemText error={error} />
    </div>
  );
}
