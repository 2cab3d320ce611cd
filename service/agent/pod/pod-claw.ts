import { setTimeout as delay } from "node:timers/promises";
import type { AgentPhase, AgentStatus, Handing, PodBoot } from "../../../sdk/contract/index.ts";
import { AgentReason } from "../../../sdk/contract/reasons.ts";
import type { AttendedClaw } from "../attended-claw.ts";
import { textDigest } from "../disk-check.ts";
import { probe } from "../probe.ts";
import { type OwnWord, StatusReport, type Told } from "../status-report.ts";
import { wordWithout } from "../without-secrets.ts";

export type ProbeKind = keyof PodBoot["probes"];

/** A start is looked at this often, though the kubelet asks once a second at most: its question waits for the answer. */
const START_POLL_MS = 50;
const START_HOLD_MS = 800;
/** Periods without a question, after which the claw's container does not run. */
const SILENT_PERIODS = 3;

/**
 * The claw that a kubelet runs beside this agent. The kubelet's probes are the loop: each is made of the claw and answered with what its
 * body says, and what they found is the status.
 */
export class PodClaw implements AttendedClaw {
  readonly process = undefined;
  #boot: PodBoot;
  #digests: Readonly<Record<string, string>>;
  readonly #report: StatusReport;
  readonly #failures: Record<ProbeKind, number> = { startup: 0, readiness: 0, liveness: 0 };
  #startedAtMs = Date.now();
  #restarts = 0;
  #silence: NodeJS.Timeout | undefined;
  #unstored: AgentStatus["unstored"];
  #takeOver: ((boot: PodBoot) => Promise<void>) | undefined;
  /** What the control plane has last said that it is to have, on the connection that there is. */
  notice: { readonly digest: string; readonly atMs: number } | undefined;

  constructor(boot: PodBoot) {
    this.#boot = boot;
    this.#digests = digestsOf(boot);
    this.#report = new StatusReport(this.#statusOf("Starting", AgentReason.AgentStarted, "The claw's container is about to start."));
  }

  get identity(): AttendedClaw["identity"] {
    return this.#boot;
  }
  get status(): AgentStatus {
    return this.#report.current;
  }
  get port(): number | undefined {
    return this.#boot.ports.claw;
  }
  get chat(): AttendedClaw["chat"] {
    return this.#boot.chat;
  }
  get configCheck(): AttendedClaw["configCheck"] {
    return this.#boot.configCheck;
  }
  get channelCheck(): AttendedClaw["channelCheck"] {
    return this.#boot.channelCheck;
  }

  get files(): AttendedClaw["files"] {
    return { dir: this.#boot.dirs.configDir, digests: this.#digests };
  }

  /** Its container is none of the agent's: the cluster measures it. */
  usage(): undefined {}

  tellOwnWord(word: OwnWord): void {
    this.#report.tellOwnWord(wordWithout(this.#boot.secrets ?? [], word));
  }

  tellDisk(disk: AgentStatus["disk"]): void {
    this.#report.tellDisk(disk);
  }

  onStatus(listener: (status: AgentStatus) => void): void {
    this.#report.listen(listener);
  }

  /** @param takeOver does with a boot file that was delivered what is done with one that was mounted */
  onHanded(takeOver: (boot: PodBoot) => Promise<void>): void {
    this.#takeOver = takeOver;
  }

  async take(handing: Handing): Promise<void> {
    if (!("boot" in handing) || handing.boot.instanceUid !== this.#boot.instanceUid) {
      throw new Error("it is not for this claw");
    }
    await this.#takeOver?.(handing.boot);
  }

  tellUnstored(unstored: NonNullable<AgentStatus["unstored"]>): void {
    this.#unstored = unstored;
    const { phase, reason, message } = this.status;
    this.#tell(phase, reason, message);
  }

  noticed(digest: string | undefined): void {
    this.notice = digest === undefined ? undefined : { digest, atMs: performance.now() };
  }

  /** Takes over a new boot file, whose files are written already. */
  apply(boot: PodBoot): void {
    this.#boot = boot;
    this.#digests = digestsOf(boot);
    this.#unstored = undefined;
    const { phase, reason, message } = this.status;
    this.#tell(phase, reason, message);
  }

  /** Makes one of the kubelet's probes. Answers why it failed. */
  async probe(kind: ProbeKind): Promise<string | undefined> {
    if (kind === "startup") {
      this.#asksForStart();
    }
    const failure = await (kind === "startup" ? this.#awaitStart() : probe(this.#boot.ports.claw, this.#boot.probes[kind]));
    this.#failures[kind] = failure === undefined ? 0 : this.#failures[kind] + 1;
    this.#judge(kind, failure);
    return failure;
  }

  /** The kubelet ends the agent after the claw. */
  stopped(): void {
    clearTimeout(this.#silence);
    this.#tell("Stopped", AgentReason.Stopped, "Its pod ends.");
  }

  /** The kubelet asks for a start once for each container: asked again after an answer, the claw is another one. */
  #asksForStart(): void {
    // While it starts, nobody asks for anything else.
    clearTimeout(this.#silence);
    if (this.status.phase !== "Starting") {
      this.#restarts++;
    }
    if (this.status.phase !== "Starting" || this.status.reason === AgentReason.AgentStarted) {
      this.#startedAtMs = Date.now();
      this.#tell("Starting", AgentReason.Starting, "The claw is starting.");
    }
  }

  async #awaitStart(): Promise<string | undefined> {
    const deadlineMs = Date.now() + START_HOLD_MS;
    for (;;) {
      const failure = await probe(this.#boot.ports.claw, this.#boot.probes.startup);
      if (failure === undefined || Date.now() > deadlineMs) {
        return failure;
      }
      await delay(START_POLL_MS);
    }
  }

  #judge(kind: ProbeKind, failure: string | undefined): void {
    const { phase } = this.status;
    if (failure === undefined) {
      if (kind === "startup") {
        this.#tell("Ready", AgentReason.Started, `Ready after ${((Date.now() - this.#startedAtMs) / 1000).toFixed(1)} s.`);
      } else if (kind === "readiness" && phase !== "Ready") {
        // Without a question for its start, the agent is the one that is new.
        this.#tell("Ready", phase === "Starting" ? AgentReason.Adopted : AgentReason.Recovered, "The readiness probe succeeds.");
      }
    } else if (this.#failures[kind] >= this.#boot.probes[kind].failureThreshold && kind !== "startup") {
      const reason = kind === "liveness" ? AgentReason.LivenessFailed : AgentReason.ReadinessFailed;
      this.#tell("Unready", reason, failure);
    }
    if (kind !== "startup") {
      this.#expectMore();
    }
  }

  #expectMore(): void {
    clearTimeout(this.#silence);
    const { readiness, liveness } = this.#boot.probes;
    const silentMs = Math.max(1, Math.min(readiness.periodSeconds, liveness.periodSeconds)) * SILENT_PERIODS * 1000;
    this.#silence = setTimeout(
      () => this.#tell("Unready", AgentReason.NotRunning, "The kubelet asks no more: the claw's container does not run."),
      silentMs,
    );
    this.#silence.unref();
  }

  #tell(phase: AgentPhase, reason: string, message: string): void {
    this.#report.tell(this.#statusOf(phase, reason, message));
  }

  #statusOf(phase: AgentPhase, reason: string, message: string): Told {
    const { specDigest, version, ports } = this.#boot;
    const unstored = this.#unstored && { unstored: this.#unstored };
    return { phase, reason, message, specDigest, stored: specDigest, ...unstored, version, port: ports.claw, restarts: this.#restarts };
  }
}

function digestsOf({ files }: PodBoot): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, textDigest(content)]));
}
