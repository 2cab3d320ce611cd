import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { claw, queries } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { signInByTicket, signInByToken } from "../app/session.ts";
import { Button, buttonClass } from "../parts/button.tsx";
import { Code } from "../parts/code.tsx";
import { Field, Input } from "../parts/field.tsx";
import { Mark } from "../parts/mark.tsx";
import { ErrorNote, Skeleton } from "../parts/states.tsx";
import { ticketIn } from "./ticket.ts";

/** Ways in: an identity provider, a token, or the link that the service's host gives out. */
export function SignInPage() {
  const t = useTexts();
  const navigate = useNavigate();
  const { to = "/" } = useSearch({ strict: false }) as { to?: string };
  const [ticket] = useState(() => ticketIn(location.hash));
  const [token, setToken] = useState("");
  const places = useQuery({ queryKey: ["", "sign-in"], queryFn: ({ signal }) => claw().access.signIn({ signal }) });
  const entered = async () => {
    queries.clear();
    await navigate({ href: to, replace: true });
  };
  const byLink = useMutation({ mutationFn: signInByTicket, onSuccess: entered });
  const byToken = useMutation({ mutationFn: signInByToken, onSuccess: entered });
  const { mutate: enter } = byLink;
  useEffect(() => {
    if (ticket !== undefined) {
      // Good once: neither the history nor a reload has it.
      history.replaceState(history.state, "", location.pathname + location.search);
      enter(ticket);
    }
  }, [ticket, enter]);
  const browsers = places.data?.providers.filter(({ browser }) => browser) ?? [];
  return (
    <main className="mx-auto flex min-h-dvh max-w-sm flex-col justify-center gap-6 px-4 py-8">
      <header className="flex flex-col items-center gap-3 text-center">
        <Mark size={44} />
        <h1 className="text-2xl font-semibold tracking-tight">Open Cluster Claw</h1>
        <p className="text-ink-soft">{t("signIn.tagline")}</p>
      </header>
      <div className="flex flex-col gap-4 rounded-lg border border-line bg-panel p-5">
        {ticket !== undefined && !byLink.error ? (
          <div aria-live="polite" className="flex flex-col gap-3">
            <p>{t("signIn.entering")}</p>
            <Skeleton lines={2} />
          </div>
        ) : (
          <>
            {byLink.error && (
              <div className="flex flex-col gap-2 text-sm">
                <p className="font-medium">{t("signIn.linkFailed")}</p>
                <ErrorNote error={byLink.error} />
                <p className="text-ink-soft">{t("signIn.anotherLink")}</p>
                <Code label="claw-server" text="npx --package open-cluster-claw claw-server console" />
              </div>
            )}
            {browsers.map(({ name, label }) => (
              <a
                key={name}
                href={`/auth/sign-in?${new URLSearchParams({ provider: name, return: to })}`}
                className={buttonClass("primary", "w-full")}
              >
                {t("signIn.with", { label })}
              </a>
            ))}
            {browsers.length > 0 && <p className="text-center text-xs text-ink-faint">{t("signIn.or")}</p>}
            <form
              className="flex flex-col gap-3"
              onSubmit={(event) => {
                event.preventDefault();
                byToken.mutate(token.trim());
              }}
            >
              <Field label={t("signIn.token")} help={t("signIn.tokenHelp")}>
                {(ids) => (
                  <Input
                    {...ids}
                    type="password"
                    autoComplete="off"
                    required
                    value={token}
                    onChange={(event) => setToken(event.target.value)}
                    className="font-mono"
                  />
                )}
              </Field>
              {byToken.error && <ErrorNote error={byToken.error} />}
              <Button
                look={browsers.length > 0 ? "plain" : "primary"}
                type="submit"
                isBusy={byToken.isPending}
                disabled={token.trim() === ""}
              >
                {t("signIn.submit")}
              </Button>
            </form>
          </>
        )}
      </div>
    </main>
  );
}
