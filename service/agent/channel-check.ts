import { setTimeout as delay } from "node:timers/promises";
import type { AgentStatus } from "../../sdk/contract/index.ts";
import type { AttendedClaw } from "./attended-claw.ts";
import { asList, asObject, callGateway, type Unknown } from "./openclaw-gateway.ts";

type ChannelStatus = NonNullable<AgentStatus["channels"]>[number];

/** Soon after it is ready, and whenever what it is to have changes; then as often as usage is told. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const PERIOD_MS = 30_000;
/** OpenClaw's own patience with a channel that connects. Until then one that it says nothing of is about to be started. */
const GRACE_MS = 120_000;
const CHANNELS_MAX = 100;
const NAME_CHARS_MAX = 200;
const MESSAGE_CHARS_MAX = 500;

/** Asks a claw which of its channels work, for as long as it runs: it is ready whether they do or not. */
export function watchChannels(claw: AttendedClaw): void {
  let watch: { readonly of: string } | undefined;
  claw.onStatus(({ phase }) => {
    const isRunning = phase === "Ready" || phase === "Unready";
    const declared = claw.channelCheck?.channels;
    const of = isRunning && declared ? JSON.stringify([declared, claw.configCheck?.digest]) : undefined;
    if (of === watch?.of) {
      return;
    }
    if (of === undefined || !declared) {
      watch = undefined;
      return claw.tellOwnWord({ channels: undefined });
    }
    const mine = { of };
    watch = mine;
    const known = claw.status.channels ?? [];
    const channels = declared.flatMap((name) => {
      const former = known.filter((channel) => channel.name === name || channel.name.startsWith(`${name}/`));
      return former.length > 0 ? former : [about(name, "starting")];
    });
    claw.tellOwnWord({ channels: channels.slice(0, CHANNELS_MAX) });
    void follow(claw, () => watch === mine);
  });
}

async function follow(claw: AttendedClaw, isWanted: () => boolean): Promise<void> {
  const beganMs = Date.now();
  for (let round = 0; isWanted(); round++) {
    await delay(PAUSES_MS[round] ?? PERIOD_MS);
    const { port, channelCheck } = claw;
    if (!isWanted() || !channelCheck || port === undefined) {
      return;
    }
    const { token, channels: declared } = channelCheck;
    const isEarly = Date.now() - beganMs < GRACE_MS;
    const channels = await callGateway(port, token, "channels.status").then(
      (answer) => judge(answer, declared, isEarly),
      () => declared.map((name) => about(name, isEarly ? "starting" : "unknown")),
    );
    if (isWanted()) {
      claw.tellOwnWord({ channels: channels.slice(0, CHANNELS_MAX) });
    }
  }
}

function judge(answer: Unknown, declared: readonly string[], isEarly: boolean): ChannelStatus[] {
  const known = asObject(answer["channelAccounts"]);
  const issues = asList(answer["statusIssues"]);
  return declared.flatMap((channel) => {
    const accounts = asList(known[channel]).filter(({ enabled }) => enabled !== false);
    if (accounts.length === 0) {
      return [about(channel, isEarly ? "starting" : "failed", "the claw has no such channel, or no account of it that is turned on")];
    }
    return accounts.map((account) => {
      const id = String(account["accountId"]);
      const issue = issues.find((each) => each["channel"] === channel && each["accountId"] === id);
      return { ...judgeAccount(account, issue?.["message"], isEarly), name: nameOf(channel, accounts.length > 1 ? id : undefined) };
    });
  });
}

/** Its words for what a channel does are of its health monitor, which is silent while one connects. */
function judgeAccount(account: Unknown, issue: unknown, isEarly: boolean): Omit<ChannelStatus, "name"> {
  const { running, connected, healthState, lastError, lastStartAt, configured } = account;
  const isSilent = healthState === undefined || healthState === "healthy";
  if (running === true && connected !== false && isSilent) {
    return { state: "working", message: "" };
  }
  const isNew = typeof lastStartAt !== "number" && configured !== false && isEarly;
  if (!lastError && (isNew || (running === true && isSilent && isEarly))) {
    return { state: "starting", message: "" };
  }
  const why = [lastError, issue, healthState].find((text) => typeof text === "string" && text !== "");
  return { state: "failed", message: String(why ?? "it is not connected").slice(0, MESSAGE_CHARS_MAX) };
}

function about(name: string, state: ChannelStatus["state"], message = ""): ChannelStatus {
  return { name: nameOf(name), state, message: state === "failed" ? message : "" };
}

function nameOf(channel: string, account?: string): string {
  return (account === undefined ? channel : `${channel}/${account}`).slice(0, NAME_CHARS_MAX);
}
