import type { ConfigView } from "../../../sdk/contract/index.ts";
import { readDisk } from "../disk-check.ts";
import { asObject, callGateway, type Unknown } from "../openclaw-gateway.ts";
import type { ChannelContext, ChannelHandler } from "./channel.ts";

const PIECE_CHARS = 64 * 1024;
/** What a program shows in place of a secret. */
const REDACTED = "__OPENCLAW_REDACTED__";
/** Of the files together: what is more is not sent. */
const CONTENT_CHARS_MAX = 4 * 1024 * 1024;

/** Says what the claw runs with: its files, and what its program says of itself. */
export function openConfig(ctx: ChannelContext): ChannelHandler {
  let isClosed = false;
  const tell = async () => {
    const view = await viewOf(ctx);
    const text = view && JSON.stringify(view);
    for (let at = 0; text && at < text.length && !isClosed; at += PIECE_CHARS) {
      await ctx.send(text.slice(at, at + PIECE_CHARS));
    }
    ctx.end(view ? undefined : { error: "its agent does not know yet which files it has stored: change or restart the instance once" });
  };
  void tell().catch((err: Error) => ctx.end({ error: err.message }));
  return {
    closed: () => {
      isClosed = true;
    },
  };
}

async function viewOf({ claw }: ChannelContext): Promise<ConfigView | undefined> {
  const { files: stored } = claw;
  if (!stored || claw.status.stored === undefined) {
    return undefined;
  }
  const live = await liveOf(claw);
  const { disk, files } = await readDisk(stored);
  let room = CONTENT_CHARS_MAX;
  const sent = files.map(({ content, ...file }) => {
    room -= content?.length ?? 0;
    return { ...file, ...(content !== undefined && room >= 0 && { content }) };
  });
  return { stored: claw.status.stored, disk, files: sent, ...(live && { live }) };
}

async function liveOf({ configCheck, port, status }: ChannelContext["claw"]): Promise<ConfigView["live"]> {
  if (!configCheck) {
    return undefined;
  }
  if (port === undefined || (status.phase !== "Ready" && status.phase !== "Unready")) {
    return { state: "unknown" };
  }
  return callGateway(port, configCheck.token, "config.get").then(judge, () => ({ state: "unknown" as const }));
}

function judge({ valid, parsed, configRevisionHash, appliedConfigHash }: Unknown): ConfigView["live"] {
  if (valid === false) {
    return { state: "refused" };
  }
  return configRevisionHash !== undefined && configRevisionHash === appliedConfigHash
    ? { state: "applied", config: asObject(shownOf(parsed)) }
    : { state: "pending" };
}

/** Without what the program hides, and lists that hold something of that. */
function shownOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(shownOf);
    return items.includes(undefined) ? undefined : items;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => [key, shownOf(item)] as const);
    const shown = entries.filter(([, item]) => item !== undefined);
    return shown.length === 0 && entries.length > 0 ? undefined : Object.fromEntries(shown);
  }
  return typeof value === "string" && value.includes(REDACTED) ? undefined : value;
}
