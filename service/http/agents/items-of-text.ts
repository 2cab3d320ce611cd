import type { LogItem } from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";

/** A longer line comes in parts. */
const LINE_CHARS_MAX = 64 * 1024;

/** The log of an agent that knows no items: lines without positions. */
export function itemsOfText(channel: AgentChannel): AgentChannel {
  let onClose: Parameters<AgentChannel["onClose"]>[0] = () => {};
  let rest = "";
  const itemOf = (lines: readonly string[]) => JSON.stringify({ type: "lines", lines: [...lines] } satisfies LogItem);
  return {
    send: (data) => channel.send(data),
    resize: (cols, rows) => channel.resize(cols, rows),
    close: (how) => channel.close(how),
    onData(listener) {
      channel.onData((text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > LINE_CHARS_MAX) {
          lines.push(rest);
          rest = "";
        }
        return lines.length > 0 ? listener(itemOf(lines)) : undefined;
      });
      channel.onClose((end) => {
        if (rest !== "") {
          void listener(itemOf([rest]));
        }
        onClose(end);
      });
    },
    onClose(listener) {
      onClose = listener;
    },
  };
}
