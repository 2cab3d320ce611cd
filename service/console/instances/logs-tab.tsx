import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, Download, Pause, Play, ScrollText } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { UserAbortError } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button, IconButton } from "../parts/button.tsx";
import { Input, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { Empty, ErrorNote } from "../parts/states.tsx";
import { appended, chosen, LOG_LEVELS, type LogLevel, type LogLine, levelOf, plain } from "./log-lines.ts";

const LINE_PX = 20;
const TAIL_LINES = 1_000;
/** Lines are shown so often at most, however many come: typing in the search is never held up by them. */
const SHOW_MS = 100;
/** From the end, within which one is at the end. */
const NEAR_END_PX = 60;

/** The log as it is written: searched, paused and downloaded without stopping the stream. */
export function LogsTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const { name, uid } = instance.metadata;
  const { lines, waiting, isPaused, setPaused, error, hasEnded } = useLog(tenant, uid);
  const [words, setWords] = useState("");
  const [level, setLevel] = useState<LogLevel>();
  const wanted = useDeferredValue(words);
  const shown = useMemo(() => chosen(lines, wanted, level), [lines, wanted, level]);
  const scroller = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
    getItemKey: (index) => shown[index]?.id ?? index,
  });
  useEffect(() => {
    if (isAtEnd && shown.length > 0) {
      virtual.scrollToIndex(shown.length - 1, { align: "end" });
    }
  }, [shown, isAtEnd, virtual]);
  const download = () => {
    const url = URL.createObjectURL(new Blob([shown.map(({ text }) => text).join("\n")], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${name}.log`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div className="flex min-h-96 flex-1 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <Input
          type="search"
          aria-label={t("instances.logsFilter")}
          placeholder={t("instances.logsFilter")}
          value={words}
          onChange={(event) => setWords(event.target.value)}
          className="min-w-32 flex-1 md:max-w-80"
        />
        <Select
          aria-label={t("instances.logsLevel")}
          value={level ?? ""}
          onChange={(event) => setLevel(LOG_LEVELS.find((each) => each === event.target.value))}
          options={[
            ["", t("instances.logsLevel")],
            ["warn", t("instances.logsLevelWarn")],
            ["error", t("instances.logsLevelError")],
          ]}
        />
        <Button icon={<Icon of={isPaused ? Play : Pause} size={14} />} onClick={() => setPaused(!isPaused)}>
          {isPaused ? t("instances.logsResume") : t("instances.logsPause")}
        </Button>
        <IconButton label={t("instances.logsDownload")} icon={<Icon of={Download} />} onClick={download} />
        <span className="tabular ml-auto text-xs text-ink-faint max-md:hidden">{t("instances.logsLines", { count: shown.length })}</span>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {hasEnded && <p className="text-sm text-ink-soft">{t("instances.logsEnded")}</p>}
      <div className="relative min-h-0 flex-1 overflow-hidden rounded-lg border border-line bg-sunken">
        <div
          ref={scroller}
          role="log"
          aria-label={t("instances.tab_logs")}
          aria-live="off"
          tabIndex={0}
          onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
            setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR_END_PX)
          }
          className="absolute inset-0 overflow-auto py-2 font-mono text-xs"
        >
          {shown.length === 0 ? (
            <Empty
              icon={<Icon of={ScrollText} size={20} />}
              title={t(lines.length === 0 ? "instances.logsEmpty" : "instances.logsNoMatch")}
            />
          ) : (
            <div className="relative min-w-max" style={{ height: virtual.getTotalSize() }}>
              {virtual.getVirtualItems().map(({ index, key, start }) => (
                <Line key={key} line={shown[index]} start={start} words={wanted} />
              ))}
            </div>
          )}
        </div>
        {(!isAtEnd || (isPaused && waiting > 0)) && (
          <Button
            className="appear absolute right-4 bottom-3 shadow-md"
            icon={<Icon of={ArrowDownToLine} size={14} />}
            onClick={() => {
              setPaused(false);
              setAtEnd(true);
            }}
          >
            {waiting > 0 ? t("instances.logsNew", { count: waiting }) : t("instances.logsResume")}
          </Button>
        )}
      </div>
    </div>
  );
}

const COLOURS = { error: "text-bad", warn: "text-warn" } as const;

function Line({ line, start, words }: { readonly line: LogLine | undefined; readonly start: number; readonly words: string }) {
  if (!line) {
    return null;
  }
  const at = words === "" ? -1 : line.text.toLowerCase().indexOf(words.toLowerCase());
  return (
    <div
      className={`absolute left-0 px-3 leading-5 whitespace-pre ${line.level ? COLOURS[line.level] : ""}`}
      style={{ height: LINE_PX, transform: `translateY(${start}px)` }}
    >
      {at < 0 ? (
        line.text
      ) : (
        <>
          {line.text.slice(0, at)}
          <mark className="rounded-sm bg-accent text-on-accent">{line.text.slice(at, at + words.length)}</mark>
          {line.text.slice(at + words.length)}
        </>
      )}
    </div>
  );
}

interface Log {
  readonly lines: readonly LogLine[];
  /** Lines that came while it was paused. */
  readonly waiting: number;
  readonly isPaused: boolean;
  readonly setPaused: (isPaused: boolean) => void;
  readonly error: unknown;
  readonly hasEnded: boolean;
}

/** Follows a log: what comes is collected, and shown in one go a few times a second. */
function useLog(tenant: string, id: string): Log {
  const t = useTexts();
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [isPaused, setPaused] = useState(false);
  const [error, setError] = useState<unknown>();
  const [hasEnded, setEnded] = useState(false);
  const paused = useRef(false);
  const gapText = useRef("");
  useEffect(() => {
    paused.current = isPaused;
    gapText.current = t("instances.logsGap", { message: "{message}" });
  });
  useEffect(() => {
    const stop = new AbortController();
    let fresh: LogLine[] = [];
    let next = 0;
    const add = (text: string, level: LogLevel | undefined) => fresh.push({ id: next++, text, level });
    const show = () => {
      if (paused.current) {
        setWaiting(fresh.length);
      } else if (fresh.length > 0) {
        const shown = fresh;
        fresh = [];
        setWaiting(0);
        setLines((before) => appended(before, shown));
      }
    };
    const timer = setInterval(show, SHOW_MS);
    const follow = async () => {
      const onGap = (message: string) => add(`… ${gapText.current.replace("{message}", message)} …`, "warn");
      for await (const line of claw(tenant).instances.followLogs(id, { tailLines: TAIL_LINES, signal: stop.signal, onGap })) {
        const text = plain(line);
        add(text, levelOf(text));
      }
      setEnded(true);
    };
    follow().catch((failure: unknown) => {
      if (!(failure instanceof UserAbortError)) {
        setError(failure);
      }
    });
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [tenant, id]);
  return { lines, waiting, isPaused, setPaused, error, hasEnded };
}
