/** What is counted since the process began, and by what it is told apart. */
export const TALLIES = {
  claw_audit_records_total: { help: "Records that were put in the audit log.", labels: [] },
  claw_audit_refusals_total: { help: "Requests that were refused to somebody who is known, by why.", labels: ["reason"] },
  claw_config_deliveries_total: {
    help: "What instances were to have and was worked out, by the way it goes: a delivery to their agents, the engine, or none, where they have it.",
    labels: ["way"],
  },
  claw_config_differences_total: {
    help: "Instances whose claws came to be configured otherwise than is declared (found), or as is declared again (gone).",
    labels: ["state"],
  },
  claw_key_operations_total: {
    help: "What was asked of whoever has the key-encryption keys: wrap, unwrap, rewrap, rotate; and what came of it, ok or failed.",
    labels: ["operation", "result"],
  },
  claw_policy_violations_total: {
    help: "Instances that violated a policy as they were written: refused where it is enforced, let through where it warns or is audited.",
    labels: ["policy", "mode"],
  },
  claw_rollout_phases_total: { help: "Rollouts that came to a phase, by which.", labels: ["phase"] },
  claw_secret_reads_total: {
    help: "Sources of secrets that were read, by what they are, and what came of it: ok, or the reason why not.",
    labels: ["source", "result"],
  },
  claw_streams_opened_total: { help: "Streams to instances that were opened, by what they are.", labels: ["kind"] },
  claw_stream_frames_total: {
    help: "Items of streams, and pieces of terminals and connections, that were sent to clients.",
    labels: ["kind"],
  },
  claw_stream_gaps_total: { help: "Times that whoever reads a stream was told that something of it is missing.", labels: ["kind"] },
} as const satisfies Record<string, { readonly help: string; readonly labels: readonly string[] }>;
export type TallyName = keyof typeof TALLIES;
type Labels<N extends TallyName> = Readonly<Record<(typeof TALLIES)[N]["labels"][number], string>>;

/** Tenants name their policies as they like: beyond so many they are counted together. */
const SERIES_MAX = 500;
const OTHERS = "others";

/** What was counted of something, by its labels. */
export interface Tally {
  readonly labels: Readonly<Record<string, string>>;
  count: number;
}

export class Tallies {
  readonly #tallies = new Map<TallyName, Map<string, Tally>>();

  count<N extends TallyName>(name: N, labels: Labels<N>, by = 1): void {
    const all = this.#tallies.get(name) ?? new Map<string, Tally>();
    this.#tallies.set(name, all);
    const given: Tally["labels"] = labels;
    const [first = ""] = TALLIES[name].labels;
    const kept = all.has(JSON.stringify(given)) || all.size < SERIES_MAX ? given : { ...given, [first]: OTHERS };
    const tally = all.get(JSON.stringify(kept)) ?? { labels: kept, count: 0 };
    tally.count += by;
    all.set(JSON.stringify(kept), tally);
  }

  /** What has no labels is told from the first look on. */
  read(name: TallyName): readonly Tally[] {
    const all = [...(this.#tallies.get(name)?.values() ?? [])];
    return all.length === 0 && TALLIES[name].labels.length === 0 ? [{ labels: {}, count: 0 }] : all;
  }
}
