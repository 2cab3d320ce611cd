import type { AgentChannel } from "../ports/instances/agents.ts";

type End = Parameters<Parameters<AgentChannel["onClose"]>[0]>[0];

/** A channel that only reads, from when somebody listens, as fast as what it gives is taken. */
export function readingChannel(read: (give: (data: string) => Promise<void>, signal: AbortSignal) => Promise<void>): AgentChannel {
  const controller = new AbortController();
  let onClose: (end: End) => void = () => {};
  return {
    send: () => undefined,
    resize() {},
    onData(listener) {
      read(async (data) => listener(data), controller.signal).then(
        () => onClose({}),
        (error: unknown) => onClose(controller.signal.aborted ? {} : { error: error instanceof Error ? error.message : String(error) }),
      );
    },
    onClose(listener) {
      onClose = listener;
    },
    close: () => controller.abort(),
  };
}
