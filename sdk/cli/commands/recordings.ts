import { createHash } from "node:crypto";
import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { CliError, ExitCode } from "../failure.ts";
import { outputOption, parseCount } from "../options.ts";
import { formatAge } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import { sleep } from "../watch.ts";

type Recording = Awaited<ReturnType<Claw["recordings"]["get"]>>;

const view: View<Recording> = {
  name: ({ id }) => `recording/${id}`,
  columns: [
    { header: "ID", value: ({ id }) => id },
    { header: "INSTANCE", value: ({ instance }) => instance.name },
    { header: "ACTOR", value: ({ actor }) => actor },
    { header: "AGE", value: ({ startedAt }) => formatAge(startedAt) },
    { header: "STARTED", wide: true, value: ({ startedAt }) => startedAt },
    { header: "ENDED", value: ({ endedAt }) => endedAt ?? "-" },
    { header: "BYTES", value: ({ bytes }) => String(bytes) },
  ],
};

export const recordingsList = defineCommand({
  path: "recordings list",
  group: "Access",
  summary: "List recordings of terminals inside instances, newest first",
  examples: ["claw recordings list", "claw recordings list --instance web -o wide"],
  syntax: (command) =>
    command
      .addOption(new Option("--instance <name>", "only of this one, by its name or uid"))
      .addOption(new Option("--limit <count>", "at most so many").argParser(parseCount(1, 10_000)).default(50))
      .addOption(outputOption),
  async run({ claw, out, signal }, { instance, limit, output }) {
    const items: Recording[] = [];
    const query = { limit: Math.min(limit, 500), ...(instance === undefined ? {} : { instance }) };
    for await (const recording of claw.recordings.list(query, { signal })) {
      if (items.push(recording) >= limit) {
        break;
      }
    }
    await out.items(items, view, output);
  },
});

export const recordingsGet = defineCommand({
  path: "recordings get",
  group: "Access",
  summary: "Write a recording as asciicast v2, which asciinema and others play",
  examples: ["claw recordings get rec_1CB6… > web.cast"],
  syntax: (command) => command.argument("<id>", "as 'claw recordings list' shows it"),
  async run({ claw, out, signal }, _options, id) {
    for await (const text of partsOf(claw, id, signal)) {
      await out.write(text);
    }
  },
});

export const recordingsPlay = defineCommand({
  path: "recordings play",
  group: "Access",
  summary: "Show a recording in this terminal, at the pace at which it happened",
  details: "Where nothing happened for longer than two seconds, it waits for two.",
  examples: ["claw recordings play rec_1CB6…", "claw recordings play rec_1CB6… --speed 4"],
  syntax: (command) =>
    command
      .argument("<id>", "as 'claw recordings list' shows it")
      .addOption(new Option("--speed <factor>", "so many times as fast").argParser(parseCount(1, 1000)).default(1)),
  async run({ claw, out, signal }, { speed }, id) {
    let beforeSeconds = 0;
    for await (const [seconds, kind, text] of eventsOf(claw, id, signal)) {
      if (kind === "o") {
        await sleep(Math.min(PAUSE_MS_MAX, (seconds - beforeSeconds) * 1000) / speed, signal);
        beforeSeconds = seconds;
        await out.write(text);
      }
    }
    await out.write("\u001b[0m\n");
  },
});

export const recordingsVerify = defineCommand({
  path: "recordings verify",
  group: "Access",
  summary: "Compare a recording with what the audit log says of it",
  details: "Exits with 7 when it is not as it was recorded. 'claw audit verify' does the same for the log.",
  examples: ["claw recordings verify rec_1CB6…"],
  syntax: (command) => command.argument("<id>", "as 'claw recordings list' shows it"),
  async run({ claw, out, signal }, _options, id) {
    const { instance, endedAt } = await claw.recordings.get(id, { signal });
    const end = await endOf(claw, id, instance.uid, signal);
    if (!end) {
      const why = endedAt === undefined ? "its terminal is open, or its control plane was killed" : "the log is not kept for as long";
      throw new CliError(`the audit log does not say how recording ${id} ended`, { why });
    }
    const hash = createHash("sha256");
    for await (const text of partsOf(claw, id, signal)) {
      hash.update(text);
    }
    if (hash.digest("hex") !== end.details["sha256"]) {
      throw new CliError(`recording ${id} is not as it was recorded`, {
        why: `its SHA-256 is not the one of the audit log's record ${end.sequence}`,
        exitCode: ExitCode.Unproven,
      });
    }
    await out.line(`recording ${id} is as it was recorded: record ${end.sequence} of the audit log has its SHA-256`);
  },
});

/** The record of its end. */
async function endOf({ audit }: Claw, recording: string, instance: string, signal: AbortSignal) {
  for await (const record of audit.list({ action: "recording.end", resource: instance, limit: 200 }, { signal })) {
    if (record.details["recording"] === recording) {
      return record;
    }
  }
  return undefined;
}

const PAUSE_MS_MAX = 2_000;

async function* partsOf({ recordings }: Claw, id: string, signal: AbortSignal): AsyncGenerator<string> {
  let after: number | undefined;
  do {
    const { text, next } = await recordings.read(id, after === undefined ? {} : { after }, { signal });
    yield text;
    after = next;
  } while (after !== undefined);
}

type CastEvent = readonly [number, string, string];

/** By hand: the line that is first says how large the terminal was. */
async function* eventsOf(claw: Claw, id: string, signal: AbortSignal): AsyncGenerator<CastEvent> {
  let isHeader = true;
  // A part ends with a line.
  for await (const text of partsOf(claw, id, signal)) {
    for (const line of text.split("\n").filter((each) => each !== "")) {
      if (!isHeader) {
        yield eventOf(line);
      }
      isHeader = false;
    }
  }
}

function eventOf(line: string): CastEvent {
  const value: unknown = JSON.parse(line);
  if (Array.isArray(value) && typeof value[0] === "number" && typeof value[1] === "string" && typeof value[2] === "string") {
    return [value[0], value[1], value[2]];
  }
  throw new CliError("the recording has a line that is no event", { fix: "write it with 'claw recordings get' and look at it" });
}
