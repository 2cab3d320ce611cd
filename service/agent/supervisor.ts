// One file, though a long one: a state machine whose steps all share its state.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentPhase, AgentStatus, ProcessSpec } from "../../sdk/contract/index.ts";
import { AgentReason } from "../../sdk/contract/reasons.ts";
import { writeJson } from "./atomic-file.ts";
import { afterCrash, defaultBackOff, noCrashes } from "./back-off.ts";
import type { Claim } from "./claims.ts";
import {
  adoptClaw,
  type ClawProcess,
  type ClawRecord,
  clawPids,
  type EndCause,
  findUnrecordedClaw,
  killAll,
  killTagged,
  startClaw,
} from "./claw-process.ts";
import { judgeExit } from "./exit-verdict.ts";
import { HealthChecks } from "./health-checks.ts";
import { preparationDigest, restartKey, spawnDigest } from "./launch.ts";
import { clawLog, LogFile } from "./log-file.ts";
import { claimPort, PortInUseError } from "./ports.ts";
import { explainClaw, prepareClaw } from "./prepare-claw.ts";
import { probe } from "./probe.ts";
import { catchesSignal, isAlive, ownsListener, sendSignal } from "./processes.ts";
import { tryStartSlot } from "./start-slots.ts";
import { type OwnWord, StatusReport } from "./status-report.ts";
import { StateFile } from "./supervisor-state.ts";
import { Wakeup } from "./wakeup.ts";
import { withoutSecrets, wordWithout } from "./without-secrets.ts";

const SLOT_POLL_MS = 200;
/** Lines that are looked through for why a claw ended. */
const SAID_LINES = 40;
const PREPARED_MAX = 100;
const LOG_CHECK_MS = 1_000;
const STEP_RETRY_MS = 5_000;
const PORT_POLL_MS = 2_000;
const UNHEALTHY_GRACE_MS = 10_000;
/** Without a failing probe after this long, a restart in place was too quick to be seen. */
const RESTART_UNSEEN_MS = 3_000;

/**
 * Keeps one claw as its specification says. One loop looks at what is wanted and what is there, takes one step, and looks again;
 * whatever happens meanwhile only wakes it.
 */
export class Supervisor {
  readonly log: LogFile;
  #spec: ProcessSpec;
  readonly #state: StateFile;
  readonly #report: StatusReport;
  #claw: ClawProcess | undefined;
  #slot: Claim | undefined;
  #requested: "restart" | "kill" | undefined;
  #unstored: AgentStatus["unstored"];
  #closed = false;
  /** The claw is to be stopped, and is: nothing is left to supervise. */
  #isStopped = false;
  readonly #log: (message: string) => void;
  readonly #wakeup = new Wakeup();
  readonly #applyListeners = new Set<() => void>();

  /** @param log where the agent writes what it does */
  constructor(spec: ProcessSpec, log: (message: string) => void) {
    this.#spec = spec;
    this.#log = log;
    this.log = new LogFile(clawLog(spec.dirs.runDir));
    this.#state = new StateFile(spec.dirs.runDir);
    const record = this.#state.current.claw ?? this.#unrecorded();
    this.#claw = record && adoptClaw(record, () => this.#wakeup.wake());
    if (!this.#claw) {
      killTagged(spec.dirs.runDir);
    }
    this.#report = new StatusReport({
      phase: spec.running ? "Starting" : "Stopped",
      reason: this.#claw ? AgentReason.Adopted : AgentReason.AgentStarted,
      message: "",
      specDigest: this.#claw?.record.specDigest ?? spec.specDigest,
      stored: spec.specDigest,
      restarts: this.#state.current.restarts,
    });
  }

  get spec(): ProcessSpec {
    return this.#spec;
  }
  get status(): AgentStatus {
    return this.#report.current;
  }
  /** The port of the claw that runs now. */
  get port(): number | undefined {
    return this.#claw?.exit ? undefined : this.#claw?.record.port;
  }

  onStatus(listener: (status: AgentStatus) => void): void {
    this.#report.listen(listener);
  }

  tellOwnWord(word: OwnWord): void {
    this.#report.tellOwnWord(wordWithout(this.#secrets(), word));
  }

  tellDisk(disk: AgentStatus["disk"]): void {
    this.#report.tellDisk(disk);
  }

  tellUnstored({ digest, message }: NonNullable<AgentStatus["unstored"]>): void {
    this.#unstored = { digest, message: this.#withoutSecrets(message) };
    this.#tellAgain();
  }

  onApply(listener: () => void): void {
    this.#applyListeners.add(listener);
  }

  /** Takes over a new specification. It is stored before this returns. */
  apply(spec: ProcessSpec): void {
    writeJson(join(spec.dirs.runDir, "process.json"), spec);
    if (spec.specDigest !== this.#spec.specDigest) {
      // A change may be the cure: try at once rather than at the end of the back-off.
      this.#state.change({ failed: undefined, backOff: undefined, crashes: noCrashes });
    }
    this.#spec = spec;
    this.#unstored = undefined;
    this.#tellAgain();
    for (const listener of this.#applyListeners) {
      listener();
    }
    this.#wakeup.wake();
  }

  /** What stands in its file now, which somebody else wrote. */
  follow(stored: ProcessSpec | undefined): void {
    if (stored && (stored.specDigest !== this.#spec.specDigest || stored.running !== this.#spec.running)) {
      this.apply(stored);
    }
  }

  /** The control plane has another address: the rest of the specification, and the claw, stay as they are. */
  dial(agentUrl: string): void {
    if (agentUrl !== this.#spec.agentUrl) {
      this.apply({ ...this.#spec, agentUrl });
    }
  }

  restart(): void {
    this.#requested ??= "restart";
    this.#wakeup.wake();
  }

  /** SIGKILL at once, also in the middle of a graceful stop. */
  kill(): void {
    this.#requested = "kill";
    this.#wakeup.wake();
  }

  /** Ends when the claw is down and is to stay so. */
  async stop(): Promise<void> {
    this.apply({ ...this.#spec, running: false });
    if (this.status.phase !== "Stopped" || this.#claw) {
      await this.#report.until(({ phase }) => phase === "Stopped");
    }
  }

  /** Ends the loop and leaves the claw as it is. */
  close(): void {
    this.#closed = true;
    this.#slot?.release();
    this.#wakeup.wake();
  }

  /** Its run directory is gone: nobody wants the claw any more, and nothing can be written down. */
  async abandon(): Promise<void> {
    this.close();
    const { stop } = this.#spec.runtime;
    if (this.#claw && !this.#claw.exit) {
      sendSignal(this.#claw.record.pid, stop.signal);
      for (const deadlineMs = Date.now() + stop.graceSeconds * 1000; isAlive(this.#claw.record) && Date.now() < deadlineMs; ) {
        await delay(100);
      }
      killAll(this.#claw.record, this.#spec.dirs.runDir);
    }
  }

  /** Ends when it is closed, or when the claw is to be stopped and is. */
  async run(): Promise<"closed" | "stopped"> {
    const rotation = setInterval(() => this.log.rotateIfNeeded(), LOG_CHECK_MS);
    try {
      while (!this.#closed && !this.#isStopped) {
        await (this.#claw ? this.#superviseRunning(this.#claw) : this.#superviseDown()).catch((err: Error) => this.#failedStep(err));
      }
      return this.#isStopped ? "stopped" : "closed";
    } finally {
      clearInterval(rotation);
    }
  }

  /** A step that failed for the host's reasons, such as a full disk: nothing is known to be wrong with the claw. */
  #failedStep(err: Error): Promise<void> {
    this.#log(`step failed: ${err.message}`);
    const isFull = (err as NodeJS.ErrnoException).code === "ENOSPC";
    const [reason, message] = isFull
      ? [AgentReason.DiskFull, `${err.message}; free space on that disk`]
      : [AgentReason.AgentError, err.message];
    this.#setStatus(this.#claw ? this.status.phase : "BackOff", reason, message);
    return this.#wakeup.wait(STEP_RETRY_MS);
  }

  async #superviseDown(): Promise<void> {
    const spec = this.#spec;
    this.#requested = undefined;
    const { failed, backOff, crashes } = this.#state.current;
    if (!spec.running) {
      this.#releaseSlot();
      if (failed || backOff) {
        // The next start is a new attempt.
        this.#state.change({ failed: undefined, backOff: undefined, crashes: noCrashes });
      }
      this.#setStatus("Stopped", AgentReason.Stopped, "Stopped as declared.");
      this.#isStopped = true;
      return;
    }
    if (failed?.specDigest === spec.specDigest) {
      this.#setStatus("Failed", failed.reason, failed.message);
      // Nobody tells when a port becomes free; everything else takes another specification to mend.
      return failed.reason === AgentReason.PortInUse ? this.#awaitPort(spec) : this.#wakeup.wait();
    }
    const waitMs = crashes.nextStartAtMs - Date.now();
    if (backOff && waitMs > 0) {
      this.#setStatus("BackOff", backOff.reason, backOff.message);
      return this.#wakeup.wait(waitMs);
    }
    if (!(await this.#prepare(spec))) {
      return;
    }
    if (spec.runtime.startup.heavy && !this.#takeSlot()) {
      this.#setStatus("Starting", AgentReason.WaitingForSlot, "Waiting for a start slot: other claws of this host are starting.");
      return this.#wakeup.wait(SLOT_POLL_MS);
    }
    await this.#start(spec);
  }

  async #awaitPort(spec: ProcessSpec): Promise<void> {
    await this.#wakeup.wait(PORT_POLL_MS);
    const isFree = await claimPort(spec).then(
      () => true,
      () => false,
    );
    if (isFree) {
      this.#state.change({ failed: undefined });
    }
  }

  async #start(spec: ProcessSpec): Promise<void> {
    this.#setStatus("Starting", AgentReason.Starting, "The claw is starting.");
    let port: number;
    try {
      port = await claimPort(spec);
    } catch (err) {
      if (err instanceof PortInUseError) {
        return this.#fail(spec, AgentReason.PortInUse, err.message);
      }
      throw err;
    }
    try {
      this.#claw = await startClaw(spec, port, this.log.path, () => this.#wakeup.wake());
    } catch (err) {
      const message = `'${spec.runtime.command[0]}' can't be executed: ${(err as Error).message}`;
      return this.#crashed(AgentReason.StartError, message, 0);
    }
    this.#saveClaw();
  }

  /** Does what is to be done before it starts and was not yet. @returns whether it may start */
  async #prepare(spec: ProcessSpec): Promise<boolean> {
    const isWanted = () => this.#spec === spec && this.#requested === undefined && !this.#closed;
    for (const preparation of spec.runtime.prepare ?? []) {
      const digest = preparationDigest(preparation);
      if (this.#state.current.prepared?.includes(digest)) {
        continue;
      }
      this.#setStatus("Starting", AgentReason.Preparing, `Before it starts: ${preparation.name}.`);
      const failure = await prepareClaw(spec, preparation, isWanted);
      if (!isWanted()) {
        return false;
      }
      if (failure !== undefined) {
        this.#crashed(AgentReason.PreparationFailed, `${preparation.name} failed: ${this.#withoutSecrets(failure)}.`, 0);
        return false;
      }
      this.#state.change({ prepared: [...(this.#state.current.prepared ?? []), digest].slice(-PREPARED_MAX) });
    }
    return true;
  }

  async #superviseRunning(claw: ClawProcess): Promise<void> {
    const spec = this.#spec;
    if (claw.exit) {
      return this.#ended(claw);
    }
    if (this.#requested === "kill") {
      return this.#terminate(claw, 0, { reason: AgentReason.Killed, message: "Killed on request.", isCrash: false });
    }
    if (!spec.running) {
      return this.#terminate(claw, spec.runtime.stop.graceSeconds * 1000, { reason: AgentReason.Stopping, message: "", isCrash: false });
    }
    if (this.#requested === "restart" || claw.record.restartKey !== restartKey(spec)) {
      return this.#restart(claw, spec);
    }
    if (claw.record.specDigest !== spec.specDigest) {
      claw.record = { ...claw.record, specDigest: spec.specDigest };
      this.#saveClaw();
      this.#tellAgain();
    }
    return claw.record.readyAtMs === undefined || claw.restarting ? this.#awaitReady(claw, spec) : this.#watch(claw, spec);
  }

  async #restart(claw: ClawProcess, spec: ProcessSpec): Promise<void> {
    const { restartSignal, startup, stop } = spec.runtime;
    const keepsProcess = claw.record.readyAtMs !== undefined && claw.record.spawnDigest === spawnDigest(spec);
    if (!keepsProcess || restartSignal === undefined || !catchesSignal(claw.record.pid, restartSignal)) {
      this.#requested = undefined;
      return this.#terminate(claw, stop.graceSeconds * 1000, { reason: AgentReason.Restarting, message: "", isCrash: false });
    }
    if (startup.heavy && !this.#takeSlot()) {
      return this.#wakeup.wait(SLOT_POLL_MS);
    }
    this.#requested = undefined;
    claw.restarting = { sinceMs: Date.now(), wentDown: false };
    claw.record = { ...claw.record, restartKey: restartKey(spec), specDigest: spec.specDigest, restartedAt: spec.restartedAt ?? "" };
    this.#saveClaw();
    this.#setStatus("Starting", AgentReason.Restarting, "The claw restarts in place.");
    sendSignal(claw.record.pid, restartSignal);
  }

  /** Probes quickly until the claw is ready, its time is over, or something else is wanted of it. */
  async #awaitReady(claw: ClawProcess, spec: ProcessSpec): Promise<void> {
    const { startup, stop, probes } = spec.runtime;
    const sinceMs = claw.restarting?.sinceMs ?? claw.record.startedAtMs;
    const deadlineMs = sinceMs + (startup.timeoutSeconds + (claw.restarting ? stop.graceSeconds : 0)) * 1000;
    const failure = await probe(claw.record.port, probes.startup);
    if (claw.exit || this.#isOutdated(claw)) {
      return;
    }
    const nowMs = Date.now();
    const isAnswerOfOld = claw.restarting !== undefined && !claw.restarting.wentDown && nowMs - sinceMs < RESTART_UNSEEN_MS;
    if (claw.restarting && failure !== undefined) {
      claw.restarting.wentDown = true;
    }
    if (failure === undefined && !isAnswerOfOld && isAlive(claw.record) && this.#ownsPort(claw)) {
      claw.restarting = undefined;
      claw.record = { ...claw.record, readyAtMs: nowMs };
      this.#releaseSlot();
      this.#saveClaw();
      return this.#setStatus("Ready", AgentReason.Started, `Ready after ${((nowMs - sinceMs) / 1000).toFixed(1)} s.`);
    }
    if (nowMs > deadlineMs) {
      const message = `Not ready within ${startup.timeoutSeconds} s: ${failure ?? "another program answers on its port"}.`;
      return this.#terminate(claw, UNHEALTHY_GRACE_MS, { reason: AgentReason.StartTimeout, message, isCrash: true });
    }
    if (!claw.restarting) {
      this.#setStatus("Starting", AgentReason.Starting, "The claw is starting.");
    }
    await this.#wakeup.wait(nowMs - sinceMs < 2_000 ? 50 : 100);
  }

  /** Checks its health until the claw ends or something else is wanted of it. */
  async #watch(claw: ClawProcess, spec: ProcessSpec): Promise<void> {
    const checks = new HealthChecks(spec.runtime.probes);
    if (this.status.phase !== "Ready" && this.status.phase !== "Unready") {
      this.#setStatus("Ready", AgentReason.Started, "The claw was running already.");
    }
    while (!claw.exit && !this.#isOutdated(claw)) {
      const { dead, isReady, unready } = await checks.run(claw.record.port);
      if (claw.exit || this.#isOutdated(claw)) {
        return;
      }
      if (dead !== undefined) {
        return this.#terminate(claw, UNHEALTHY_GRACE_MS, { reason: AgentReason.LivenessFailed, message: dead, isCrash: true });
      }
      if (unready !== undefined) {
        this.#setStatus("Unready", AgentReason.ReadinessFailed, unready);
      } else if (isReady && this.status.phase === "Unready") {
        this.#setStatus("Ready", AgentReason.Recovered, "The readiness probe succeeds again.");
      }
      await this.#wakeup.wait(Math.max(10, checks.dueMs - Date.now()));
    }
  }

  #isOutdated(claw: ClawProcess): boolean {
    const spec = this.#spec;
    return (
      this.#closed ||
      this.#requested !== undefined ||
      !spec.running ||
      claw.record.specDigest !== spec.specDigest ||
      claw.record.restartKey !== restartKey(spec)
    );
  }

  /** A foreign program may have taken the port between the claim and the claw's own attempt. */
  #ownsPort(claw: ClawProcess): boolean {
    return ownsListener(clawPids(claw.record, this.#spec.dirs.runDir), claw.record.port);
  }

  /** Stop signal, time to finish, then SIGKILL for whatever is left. */
  async #terminate(claw: ClawProcess, graceMs: number, cause: EndCause): Promise<void> {
    claw.endCause ??= cause;
    const { signal } = this.#spec.runtime.stop;
    const deadlineMs = Date.now() + graceMs;
    this.#setStatus("Stopping", cause.reason, cause.message || `Waiting up to ${Math.round(graceMs / 1000)} s for work in flight.`);
    if (graceMs > 0) {
      sendSignal(claw.record.pid, signal);
    }
    while (!claw.exit && !this.#closed && this.#requested !== "kill" && Date.now() < deadlineMs) {
      await this.#wakeup.wait(deadlineMs - Date.now());
    }
    if (this.#closed && !claw.exit) {
      return;
    }
    killAll(claw.record, this.#spec.dirs.runDir);
    while (!claw.exit && !this.#closed) {
      await this.#wakeup.wait();
    }
  }

  async #ended(claw: ClawProcess): Promise<void> {
    const spec = this.#spec;
    killAll(claw.record, spec.dirs.runDir);
    this.#claw = undefined;
    this.#releaseSlot();
    this.#requested = undefined;
    this.#state.change({ claw: undefined, lastExitCode: claw.exit?.code });
    const verdict = judgeExit(
      claw,
      spec,
      { why: (await this.#explained(claw, spec)) ?? this.#lastOutput(), says: (text) => this.log.tail(SAID_LINES).includes(text) },
      Date.now(),
    );
    if (verdict.kind === "failed") {
      this.#fail(spec, verdict.reason, verdict.message);
    } else if (verdict.kind === "crashed") {
      this.#crashed(verdict.reason, verdict.message, verdict.readyForMs);
    }
  }

  #crashed(reason: string, what: string, readyForMs: number): void {
    this.#releaseSlot();
    const policy = defaultBackOff;
    const { isLoop, ...crashes } = afterCrash(this.#state.current.crashes, policy, Date.now(), readyForMs, Math.random());
    const seconds = ((crashes.nextStartAtMs - Date.now()) / 1000).toFixed(1);
    const message = `${what} Started again in ${seconds} s${isLoop ? `; it crashed ${policy.loopCrashes} times in a short time` : ""}.`;
    this.#state.change({
      restarts: this.#state.current.restarts + 1,
      crashes,
      backOff: { reason: isLoop ? AgentReason.CrashLoop : reason, message },
    });
    this.#log(`claw: ${reason}`);
  }

  #fail(spec: ProcessSpec, reason: string, message: string): void {
    this.#releaseSlot();
    this.#state.change({ failed: { specDigest: spec.specDigest, reason, message } });
    this.#log(`claw: ${reason}`);
  }

  /** What its own program says is wrong, of a claw that was never ready. */
  async #explained({ endCause, record }: ClawProcess, spec: ProcessSpec): Promise<string | undefined> {
    const { explain } = spec.runtime;
    if (!explain || endCause || record.readyAtMs !== undefined) {
      return undefined;
    }
    const isWanted = () => this.#spec === spec && !this.#closed;
    // What can't be asked is told by its output.
    const why = await explainClaw(spec, explain.command, isWanted).catch(() => undefined);
    return why && `It says: ${this.#withoutSecrets(why)}`;
  }

  /** What the claw said last, for one that was never ready. */
  #lastOutput(): string {
    const ignore = this.#spec.runtime.explain?.ignore ?? [];
    const lines = this.log.tail(20).split("\n");
    const telling = lines.filter((line) => line.trim() !== "" && !ignore.some((text) => line.includes(text)));
    const output = this.#withoutSecrets(telling.slice(-3).join("\n")).trim().slice(-400);
    return output === "" ? "" : `Its last output: ${output}`;
  }

  #withoutSecrets(text: string): string {
    return withoutSecrets(this.#secrets(), text);
  }

  #secrets(): readonly string[] {
    return [...Object.values(this.#spec.runtime.secretEnv), this.#spec.agentToken];
  }

  #takeSlot(): boolean {
    this.#slot ??= tryStartSlot(this.#spec.dirs.hostDir);
    return this.#slot !== undefined;
  }

  #releaseSlot(): void {
    this.#slot?.release();
    this.#slot = undefined;
  }

  /** What it was, with what has changed besides. */
  #tellAgain(): void {
    const { phase, reason, message } = this.status;
    this.#setStatus(phase, reason, message);
  }

  #setStatus(phase: AgentPhase, reason: string, message: string): void {
    const claw = this.#claw?.exit ? undefined : this.#claw;
    const { version } = this.#spec.runtime.software;
    const { lastExitCode, restarts } = this.#state.current;
    this.#report.tell({
      phase,
      reason,
      message,
      specDigest: claw?.record.specDigest ?? this.#spec.specDigest,
      stored: this.#spec.specDigest,
      ...(this.#unstored && { unstored: this.#unstored }),
      ...(claw ? { pid: claw.record.pid, port: claw.record.port } : {}),
      ...(claw?.record.confinement !== undefined && { confinement: claw.record.confinement }),
      ...(claw?.record.restartedAt !== undefined && { restartedAt: claw.record.restartedAt }),
      version,
      restarts,
      ...(lastExitCode === undefined ? {} : { lastExitCode }),
    });
  }

  #saveClaw(): void {
    if (this.#claw) {
      this.#state.change({ claw: this.#claw.record });
    }
  }

  #unrecorded(): ClawRecord | undefined {
    const found = findUnrecordedClaw(this.#spec);
    // Its port and specification are unknown: with empty digests it is stopped and started anew.
    return found && { ...found, port: 0, spawnDigest: "", restartKey: "", specDigest: "", startedAtMs: Date.now() };
  }
}
