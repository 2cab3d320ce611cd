import { useQuery } from "@tanstack/react-query";
import { MessagesSquare, SendHorizontal, Square } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import type { Chat } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { useTexts } from "../app/preferences.ts";
import { Button } from "../parts/button.tsx";
import { Input } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { Empty, ErrorNote } from "../parts/states.tsx";

interface Turn {
  readonly id: number;
  readonly said: string;
  readonly answer: string;
  readonly isOpen: boolean;
  readonly usage?: { readonly input: number; readonly output: number } | undefined;
  readonly error?: unknown;
}

/** A conversation with the instance, through the control plane. */
export function ChatTab({ instance, tenant }: { readonly instance: ClawInstance; readonly tenant: string }) {
  const t = useTexts();
  const { name, uid } = instance.metadata;
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const [text, setText] = useState("");
  const [session, setSession] = useState("default");
  const chat = useRef<{ readonly session: string; readonly opened: Promise<Chat> }>(undefined);
  const sessionId = useId();
  const sessions = useQuery({
    queryKey: [tenant, "instance", uid, "chat-sessions"],
    queryFn: ({ signal }) => claw(tenant).instances.chatSessions(uid, { signal }),
  });
  const end = useRef<HTMLDivElement>(null);
  const isAnswering = turns.at(-1)?.isOpen ?? false;
  const isRunning = instance.status.phase === "Running";
  const said = turns.map(({ answer }) => answer.length).join();
  useEffect(() => {
    if (said !== "") {
      end.current?.scrollIntoView({ block: "end" });
    }
  }, [said]);
  const leave = () => {
    void chat.current?.opened.then(
      (opened) => opened.close(),
      () => undefined,
    );
    chat.current = undefined;
  };
  useEffect(
    () => () => {
      void chat.current?.opened.then(
        (opened) => opened.close(),
        () => undefined,
      );
    },
    [],
  );
  const change = (id: number, by: (turn: Turn) => Partial<Turn>) =>
    setTurns((before) => before.map((turn) => (turn.id === id ? { ...turn, ...by(turn) } : turn)));
  const send = async () => {
    const message = text.trim();
    if (message === "" || isAnswering) {
      return;
    }
    const id = turns.length;
    setText("");
    setTurns([...turns, { id, said: message, answer: "", isOpen: true }]);
    try {
      if (chat.current?.session !== session) {
        leave();
        chat.current = { session, opened: claw(tenant).instances.chat(uid, { session }) };
      }
      const opened = await chat.current?.opened;
      for await (const event of opened?.send(message) ?? []) {
        if (event.type === "delta") {
          change(id, ({ answer }) => ({ answer: answer + event.text }));
        } else if (event.type === "done") {
          change(id, () => ({ usage: event.usage && { input: event.usage.inputTokens, output: event.usage.outputTokens } }));
        } else {
          change(id, () => ({ error: new Error(event.message) }));
        }
      }
    } catch (error) {
      chat.current = undefined;
      change(id, () => ({ error }));
    }
    change(id, () => ({ isOpen: false }));
  };
  const stop = () => {
    leave();
    setTurns((before) => before.map((turn) => ({ ...turn, isOpen: false })));
  };
  return (
    <div className="flex min-h-96 flex-1 flex-col overflow-hidden rounded-lg border border-line bg-panel">
      <div role="log" aria-live="polite" aria-busy={isAnswering} className="min-h-0 flex-1 overflow-y-auto p-4">
        {turns.length === 0 ? (
          <Empty icon={<Icon of={MessagesSquare} size={20} />} title={t("instances.chatEmptyTitle", { name })}>
            <p>{t(isRunning ? "instances.chatEmpty" : "instances.chatNotRunning")}</p>
          </Empty>
        ) : (
          <ol className="mx-auto flex max-w-3xl flex-col gap-4 text-base">
            {turns.map((turn) => (
              <li key={turn.id} className="flex flex-col gap-3">
                <p className="max-w-[85%] self-end rounded-lg bg-accent-soft px-3 py-2 break-words whitespace-pre-wrap">
                  <span className="sr-only">{t("instances.chatYou")}: </span>
                  {turn.said}
                </p>
                <div className="max-w-[85%] self-start break-words whitespace-pre-wrap">
                  <span className="block text-xs font-medium text-ink-faint">{name}</span>
                  {turn.answer}
                  {turn.isOpen && (
                    <span aria-hidden="true" className="breathe ml-0.5 inline-block h-4 w-1.5 translate-y-0.5 rounded-sm bg-accent" />
                  )}
                  {turn.usage && <span className="block pt-1 text-xs text-ink-faint">{t("instances.chatTokens", turn.usage)}</span>}
                </div>
                {turn.error !== undefined && <ErrorNote error={turn.error} />}
              </li>
            ))}
          </ol>
        )}
        <div ref={end} />
      </div>
      <form
        className="flex flex-wrap items-end gap-2 border-t border-line p-3"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <textarea
          aria-label={t("instances.chatPlaceholder", { name })}
          placeholder={t("instances.chatPlaceholder", { name })}
          rows={1}
          value={text}
          disabled={!isRunning}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              void send();
            }
          }}
          className="field-sizing-content max-h-40 min-h-9 min-w-40 flex-1 resize-none rounded-md border border-line-strong bg-panel px-2.5 py-1.5 text-base placeholder:text-ink-faint disabled:opacity-50 max-md:min-h-11 max-md:text-lg"
        />
        <label htmlFor={sessionId} className="flex items-center gap-1.5 text-xs text-ink-faint max-md:hidden">
          {t("instances.chatSession")}
          <Input
            id={sessionId}
            value={session}
            list={`${sessionId}-known`}
            maxLength={64}
            onChange={(event) => setSession(event.target.value || "default")}
            className="w-28"
          />
          <datalist id={`${sessionId}-known`}>
            {sessions.data?.items.map(({ name: known }) => (
              <option key={known} value={known} />
            ))}
          </datalist>
        </label>
        {isAnswering ? (
          <Button icon={<Icon of={Square} size={14} />} onClick={stop}>
            {t("instances.chatStop")}
          </Button>
        ) : (
          <Button look="primary" type="submit" icon={<Icon of={SendHorizontal} size={14} />} disabled={!isRunning || text.trim() === ""}>
            {t("instances.chatSend")}
          </Button>
        )}
      </form>
    </div>
  );
}
