import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { ExitCode } from "../failure.ts";
import { outputOption, parseCount } from "../options.ts";
import { formatAge } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import { Table } from "../output/table.ts";
import { sleep } from "../watch.ts";

type AuditRecord = Awaited<ReturnType<Claw["audit"]["list"]>>["items"][number];
type Query = NonNullable<Parameters<Claw["audit"]["list"]>[0]>;
type Verification = Awaited<ReturnType<Claw["audit"]["verify"]>>;

const view: View<AuditRecord> = {
  name: ({ sequence }) => `audit/${sequence}`,
  columns: [
    { header: "#", value: ({ sequence }) => String(sequence) },
    { header: "AGE", value: ({ time }) => formatAge(time) },
    { header: "TIME", wide: true, value: ({ time }) => time },
    { header: "ACTOR", value: ({ actor }) => actor },
    { header: "ACTION", value: ({ action }) => action },
    { header: "RESOURCE", value: ({ resource }) => (resource ? `${resource.kind}/${resource.name}` : "-") },
    { header: "RESULT", value: ({ result, reason, count = 1 }) => [reason ?? result, ...(count > 1 ? [`${count} times`] : [])].join(", ") },
    { header: "FROM", value: ({ from }) => from.address ?? "-" },
    { header: "AGENT", wide: true, value: ({ from }) => from.agent ?? "-" },
    { header: "REQUEST", wide: true, value: ({ from }) => from.requestId ?? "-" },
    { header: "CHANGED", value: ({ diff, cut = 0 }) => changesOf(diff, cut) },
  ],
};

function changesOf(diff: AuditRecord["diff"], cut: number): string {
  const [first, ...others] = diff.map(({ path }) => path);
  const more = others.length + cut;
  return first === undefined ? "-" : `${first}${more > 0 ? ` and ${more} more` : ""}`;
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2026-01-31`, `2026-01-31T12:00:00Z`, or how long ago: `90s`, `15m`, `24h`, `7d`. */
function parseTime(text: string): string {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : Date.now() - Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (Number.isNaN(ms)) {
    throw new InvalidArgumentError("not a time such as '24h', '7d' or '2026-01-31T12:00:00Z'.");
  }
  return new Date(ms).toISOString();
}

const sinceOption = new Option("--since <time>", "only from then on: '24h', '7d', '2026-01-31'").argParser(parseTime);
const untilOption = new Option("--until <time>", "only until then").argParser(parseTime);
const actorOption = new Option("--actor <name>", "only what they did");
const actionOption = new Option("--action <action>", "only this: 'instance.create', or all of an area: 'instance'");
const resourceOption = new Option("--resource <name>", "only on this one, by its name or uid: 'web', 'ClawInstance/web'");
const resultOption = new Option("--result <result>", "only what was done, or what was refused").choices(["success", "refused"] as const);
const platformOption = new Option("--platform", "what was done to the platform, and not to a tenant");
const chainOption = new Option("--chain <uid>", "of a tenant by its uid, also of one that was deleted; for platform auditors");

/** Whose log it is. */
interface Whose {
  readonly platform?: true | undefined;
  readonly chain?: string | undefined;
}
type Filters = Pick<Query, "since" | "until" | "actor" | "action" | "resource" | "result">;

function listOf({ audit }: Claw, { platform, chain }: Whose, query: Query, signal: AbortSignal) {
  return platform === undefined && chain === undefined
    ? audit.list(query, { signal })
    : audit.platform({ ...query, ...(chain === undefined ? {} : { chain }) }, { signal });
}

/** What was given of the filters. */
function filtersOf({ since, until, actor, action, resource, result }: { readonly [K in keyof Filters]?: Filters[K] | undefined }): Filters {
  return Object.fromEntries(Object.entries({ since, until, actor, action, resource, result }).filter(([, value]) => value !== undefined));
}

export const auditList = defineCommand({
  path: "audit list",
  group: "Access",
  summary: "List who did what, newest first",
  examples: [
    "claw audit list --since 24h",
    "claw audit list --resource web -o wide",
    "claw audit list --actor alice@example.com --result refused",
  ],
  syntax: (command) =>
    command
      .addOption(sinceOption)
      .addOption(untilOption)
      .addOption(actorOption)
      .addOption(actionOption)
      .addOption(resourceOption)
      .addOption(resultOption)
      .addOption(platformOption)
      .addOption(chainOption)
      .addOption(new Option("--limit <count>", "at most so many").argParser(parseCount(1, 10_000)).default(50))
      .addOption(outputOption),
  async run({ claw, out, signal }, { output, limit, ...options }) {
    const items: AuditRecord[] = [];
    for await (const record of listOf(claw, options, { ...filtersOf(options), limit: Math.min(limit, 500) }, signal)) {
      if (items.push(record) >= limit) {
        break;
      }
    }
    await out.items(items, view, output);
  },
});

export const auditTail = defineCommand({
  path: "audit tail",
  group: "Access",
  summary: "Show each thing that is done from now on, until interrupted",
  examples: ["claw audit tail", "claw audit tail --action auth -o json"],
  syntax: (command) =>
    command
      .addOption(actorOption)
      .addOption(actionOption)
      .addOption(resourceOption)
      .addOption(resultOption)
      .addOption(platformOption)
      .addOption(chainOption)
      .addOption(outputOption),
  async run({ claw, out, signal }, { output, ...options }) {
    const table = new Table(view.columns, output === "wide");
    const [newest] = (await listOf(claw, options, { limit: 1 }, signal)).items;
    let after = newest?.sequence ?? 0;
    let isHeaded = output === "json" || output === "name";
    for (;;) {
      for await (const record of listOf(claw, options, { ...filtersOf(options), after, limit: 200 }, signal)) {
        after = record.sequence;
        if (!isHeaded) {
          await out.line(out.paint("bold", table.header([record])));
          isHeaded = true;
        }
        const [row = ""] = output === "json" ? [JSON.stringify(record)] : output === "name" ? [view.name(record)] : table.rows([record]);
        await out.line(row);
      }
      await sleep(1000, signal);
    }
  },
});

export const auditExport = defineCommand({
  path: "audit export",
  group: "Access",
  summary: "Write all of it, oldest first, one record of JSON a line",
  details:
    "Each record has its hash, which is that of the record before it and its own content: what was exported can be verified without the service. The last line tells on stderr where the chain is: keep it for 'claw audit verify --known'.",
  examples: ["claw audit export > audit.ndjson", "claw audit export --since 7d --action token"],
  syntax: (command) =>
    command
      .addOption(sinceOption)
      .addOption(untilOption)
      .addOption(actorOption)
      .addOption(actionOption)
      .addOption(resourceOption)
      .addOption(resultOption)
      .addOption(platformOption)
      .addOption(chainOption)
      .addOption(
        new Option("--after <sequence>", "only what came after this record").argParser(parseCount(0, Number.MAX_SAFE_INTEGER)).default(0),
      ),
  async run({ claw, out, signal }, { after, ...options }) {
    let last: AuditRecord | undefined;
    for await (const record of listOf(claw, options, { ...filtersOf(options), after, limit: 500 }, signal)) {
      await out.line(JSON.stringify(record));
      last = record;
    }
    if (last) {
      out.note(`the last record is ${last.sequence}:${last.hash}`);
    }
  },
});

/** `12:3fa9…`: a record that somebody has kept elsewhere. */
function parseKnown(text: string): { readonly sequence: number; readonly hash: string } {
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined) {
    throw new InvalidArgumentError("not a record's sequence and hash: '12:3fa9…', as claw audit verify tells.");
  }
  return { sequence: Number(sequence), hash };
}

export const auditVerify = defineCommand({
  path: "audit verify",
  group: "Access",
  summary: "Verify that nothing in the audit log was changed, taken out, moved or cut off",
  details:
    "Exits with 1 and tells the first record that is not as it was written. Keep what it says of the chain's end in another place and give it with --known the next time: so it is found, too, when the whole database was put back to an earlier state. Exits with 7 where retention has removed the record that was known: the rest is valid, and whether it goes on from that one can't be told.",
  examples: ["claw audit verify", "claw audit verify --all", "claw audit verify --platform -o json"],
  syntax: (command) =>
    command
      .addOption(platformOption)
      .addOption(chainOption)
      .addOption(
        new Option("--all", "the platform's and every tenant's, also of those that were deleted").conflicts(["platform", "chain", "known"]),
      )
      .addOption(new Option("--known <record>", "a record that is known: '<sequence>:<hash>'").argParser(parseKnown))
      .addOption(new Option("-o, --output <format>", "print what was found as JSON, a line for each chain").choices(["json"] as const)),
  async run(context, { all, known, output, platform, chain }) {
    const { claw, out, signal } = context;
    const whose: Whose[] = all ? await chainsOf(claw, signal) : [{ platform, chain }];
    for (const one of whose) {
      const found = await verifyWhole(claw, one, known, signal);
      if (!found.valid) {
        context.exitCode = ExitCode.Failure;
      } else if (found.unproven) {
        context.exitCode = ExitCode.Unproven;
      }
      const name = one.chain ?? (one.platform ? "platform" : (found.head?.chain ?? "the tenant"));
      await out.line(output === "json" ? JSON.stringify({ chain: name, ...found }) : `${name}: ${summaryOf(found)}`);
    }
  },
});

async function chainsOf(claw: Claw, signal: AbortSignal): Promise<Whose[]> {
  const chains: Whose[] = [];
  for await (const { chain } of claw.audit.chains({ limit: 200 }, { signal })) {
    chains.push({ platform: true, chain });
  }
  // A service that runs has put its start on record: where nothing is left, that is told too.
  return chains.some(({ chain }) => chain === "platform") ? chains : [{ platform: true }, ...chains];
}

type Known = ReturnType<typeof parseKnown>;

/** However long it is: the service looks at so many records at a time. */
async function verifyWhole(
  { audit }: Claw,
  { platform, chain }: Whose,
  known: Known | undefined,
  signal: AbortSignal,
): Promise<Verification> {
  let checked = 0;
  let from: string | undefined;
  for (;;) {
    const query = { ...known, ...(from === undefined ? {} : { from }) };
    const found =
      platform === undefined && chain === undefined
        ? await audit.verify(query, { signal })
        : await audit.verifyPlatform({ ...query, ...(chain === undefined ? {} : { chain }) }, { signal });
    checked += found.checked;
    const { next, ...rest } = found;
    if (next === undefined || !found.valid) {
      return { ...rest, checked };
    }
    from = next;
  }
}

function summaryOf({ valid, checked, fault, head, unproven }: Verification): string {
  if (!valid) {
    return `NOT VALID: ${fault?.message}`;
  }
  if (unproven && head) {
    return `NOT PROVEN: ${unproven.message}; the ${checked} records from there are valid: keep their end, ${head.sequence}:${head.hash}`;
  }
  if (!head) {
    return "valid: nothing is on record yet";
  }
  const kept = head.start.sequence > 0 ? `; those up to ${head.start.sequence} were removed by retention` : "";
  return `valid: ${checked} records${kept}; it ends with ${head.sequence}:${head.hash}`;
}
