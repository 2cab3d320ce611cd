import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Screen } from "@xterm/xterm";
import { SquareTerminal } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { UserAbortError } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Empty, ErrorNote } from "../parts/states.tsx";
import { withStylesAsRules } from "../parts/styles-as-rules.ts";

/** A shell inside the instance. */
export function TerminalTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const [opened, setOpened] = useState(0);
  if (instance.status.phase !== "Running") {
    return <Empty icon={<Icon of={SquareTerminal} size={20} />} title={t("instances.terminalNotRunning")} />;
  }
  return opened === 0 ? (
    <Empty icon={<Icon of={SquareTerminal} size={20} />} title={t("instances.tab_terminal")}>
      <p>{t("instances.terminalHelp")}</p>
      <Button look="primary" onClick={() => setOpened(1)}>
        {t("instances.terminalOpen")}
      </Button>
    </Empty>
  ) : (
    <Shell key={opened} id={instance.metadata.uid} tenant={tenant} onAgain={() => setOpened(opened + 1)} />
  );
}

function Shell({ id, tenant, onAgain }: { readonly id: string; readonly tenant: string; readonly onAgain: () => void }) {
  const t = useTexts();
  const place = useRef<HTMLDivElement>(null);
  const [error, setError] = useState<unknown>();
  const [hasEnded, setEnded] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    const fit = new FitAddon();
    const screen = new Screen({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--font-mono") || "monospace",
      fontSize: 13,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      theme: { background: "#0a0d11", foreground: "#e7ebf1", cursor: "#7da2ff", selectionBackground: "#2a3d6b" },
      scrollback: 5_000,
    });
    screen.loadAddon(fit);
    const { current } = place;
    if (current) {
      withStylesAsRules(() => screen.open(current));
      fit.fit();
      screen.focus();
    }
    const observer = new ResizeObserver(() => fit.fit());
    if (current) {
      observer.observe(current);
    }
    const run = async () => {
      const terminal = await claw(tenant).instances.terminal(id, { cols: screen.cols, rows: screen.rows }, { signal: stop.signal });
      const encoder = new TextEncoder();
      screen.onData((typed) => void terminal.send(encoder.encode(typed)).catch(() => undefined));
      screen.onResize(({ cols, rows }) => terminal.resize(cols, rows));
      for await (const bytes of terminal) {
        screen.write(bytes);
      }
      setEnded(true);
    };
    run().catch((failure: unknown) => {
      if (!(failure instanceof UserAbortError)) {
        setError(failure);
      }
    });
    return () => {
      stop.abort();
      observer.disconnect();
      screen.dispose();
    };
  }, [tenant, id]);
  return (
    <div className="flex min-h-96 flex-1 flex-col gap-2">
      {error !== undefined && <ErrorNote error={error} />}
      {(hasEnded || error !== undefined) && (
        <p className="flex items-center gap-3 text-sm text-ink-soft">
          {hasEnded && t("instances.terminalEnded")}
          <Button onClick={onAgain}>{t("instances.terminalAgain")}</Button>
        </p>
      )}
      <div className="min-h-0 flex-1 overflow-hidden rounded-lg border border-line bg-[#0a0d11] p-2">
        <div ref={place} className="h-full" />
      </div>
    </div>
  );
}
