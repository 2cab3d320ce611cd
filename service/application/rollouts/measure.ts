import {
  ChatEventSchema,
  ClawError,
  type EvidenceCode,
  endsTurn,
  newId,
  type Permission,
  parseJson,
  type RolloutEvidence,
  redact,
} from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { allows } from "../../domain/access/grants.ts";
import { maskText } from "../../domain/diff.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { instances, paramsOf } from "../../domain/rollouts/gates.ts";
import type { Member, StoredRollout } from "../../domain/rollouts/rollout.ts";
import { addressOf, type OpenChannel } from "../instances/open-channel.ts";
import { readLines } from "../instances/read-lines.ts";
import { refusal } from "../resources/permitted.ts";

/** Logs that are read at a look: those of the first instances, by name. */
const LOGS_MAX = 20;
/** A log is read this often. */
const LOGS_EVERY_MS = 5_000;
const ANSWER_MAX = 200;
/** Shorter ones are in many texts by chance. */
const SECRET_LENGTH_MIN = 4;
/** A claw may talk on and on. */
const ANSWER_READ_MAX = 256 * 1024;
/** Marks of a log that was empty, and of one that tells no positions: what is new in that can't be told. */
const FROM_THE_START = "start";
const UNTOLD = "untold";
const MARKS: ReadonlySet<string> = new Set([FROM_THE_START, UNTOLD]);

/** What asking claws came to. */
export interface Measured {
  readonly evidence: readonly RolloutEvidence[];
  /** How far logs were read when their instances came up. */
  readonly marks: ReadonlyMap<string, string>;
}

/** What is asked, by whose leave. */
export interface Asking {
  readonly rollout: StoredRollout;
  /** Instances that have the change and are up, of the current wave first. */
  readonly up: readonly {
    readonly member: Member;
    readonly instance: Instance;
    /** What its configuration hands it that is nobody else's to see: evidence is for more people than chats and logs. */
    readonly secretValues: readonly string[];
  }[];
  readonly actor: Actor;
  readonly tenant: string;
}

interface MeasureDependencies {
  readonly openChannel: OpenChannel;
  readonly clock: () => Date;
}

/** Whether something is to be asked of claws now: a wave of it is watched whose gates take that. */
export function isToMeasure({ spec, state }: StoredRollout): boolean {
  const wave = state.waves.find(({ phase }) => phase !== "Passed");
  return state.phase === "Progressing" && wave?.phase === "Baking" && (spec.gates.logErrors ?? spec.gates.probe) !== undefined;
}

/** Asks claws what gates want to know. What was found before and holds still is not asked again. */
export async function measure(asking: Asking, deps: MeasureDependencies): Promise<Measured> {
  const { spec, state } = asking.rollout;
  const wave = state.waves.find(({ phase }) => phase !== "Passed");
  const since = Date.parse(wave?.bakesUntil ?? "") - spec.bakeSeconds * 1000;
  const known = (gate: RolloutEvidence["gate"], after: number) =>
    wave?.gates.find((found) => found.gate === gate && found.verdict !== "waiting" && Date.parse(found.measuredAt) >= after);
  const marks = new Map<string, string>();
  const evidence: RolloutEvidence[] = [];
  if (spec.gates.probe) {
    evidence.push(known("probe", since) ?? (await probe(asking, spec.gates.probe, deps)));
  }
  if (spec.gates.logErrors) {
    const recent = known("log-errors", Math.max(since, deps.clock().getTime() - LOGS_EVERY_MS));
    evidence.push(recent ?? (await readLogs(asking, spec.gates.logErrors, marks, deps)));
  }
  return { evidence, marks };
}

type Gates = StoredRollout["spec"]["gates"];
type Probe = NonNullable<Gates["probe"]>;
type LogErrors = NonNullable<Gates["logErrors"]>;
type Params = Parameters<typeof paramsOf>[0];

async function probe(asking: Asking, gate: Probe, deps: MeasureDependencies): Promise<RolloutEvidence> {
  const asked = asking.up.filter(({ instance }) => instance.spec.running).slice(0, gate.instances);
  const { maxTokens } = gate;
  const cost = maxTokens === undefined ? "" : `, of at most ${maxTokens} tokens`;
  const threshold = `an answer with '${gate.expect}' within ${gate.withinSeconds} s${cost}`;
  const names = asked.map(({ instance }) => instance.name).join(", ");
  const wanted = { expect: gate.expect, withinSeconds: gate.withinSeconds, maxTokens, names };
  const of = (verdict: RolloutEvidence["verdict"], code: EvidenceCode, params: Params, value: string): RolloutEvidence => ({
    ...{ gate: "probe", verdict, value, threshold, code, params: paramsOf({ ...wanted, ...params }) },
    ...{ measuredAt: deps.clock().toISOString(), source: `a message to ${names}` },
  });
  if (asked.length === 0) {
    return of("passed", "NobodyRuns", {}, "nobody runs who could be asked");
  }
  let most = 0;
  for (const { instance, secretValues } of asked) {
    const { name } = instance;
    const refused = mayNot(asking, instance, "instances.chat");
    if (refused !== undefined) {
      return of("failed", "NotAllowed", { name, permission: "instances.chat" }, refused);
    }
    try {
      const { answer, tokens } = await ask(asking, instance, gate, deps);
      if (!answer.toLowerCase().includes(gate.expect.toLowerCase())) {
        const said = shown(answer, secretValues);
        return of("failed", "AnsweredOtherwise", { name, answer: said }, `${name} answered '${said}'`);
      }
      if (maxTokens !== undefined && tokens === undefined) {
        return of("failed", "TokensUntold", { name }, `${name} did not say how many tokens it took`);
      }
      if (maxTokens !== undefined && tokens !== undefined && tokens > maxTokens) {
        return of("failed", "TokensTooMany", { name, tokens }, `${name} took ${tokens} tokens`);
      }
      most = Math.max(most, tokens ?? 0);
    } catch (error) {
      // Its agent may be another replica's: that one asks it when its turn comes.
      const isAway = error instanceof ClawError && error.code === "instance.unreachable";
      const message = error instanceof Error ? shown(error.message, secretValues) : "no answer";
      return of(isAway ? "waiting" : "failed", "Unanswered", { name, message }, `${name}: ${message}`);
    }
  }
  const count = asked.length;
  const took = maxTokens === undefined ? "" : `, with ${most} tokens at most`;
  return of("passed", "Answered", { count, tokens: took === "" ? undefined : most }, `${count} of ${count} answered so${took}`);
}

async function ask({ tenant }: Asking, instance: Instance, { message, withinSeconds }: Probe, { openChannel }: MeasureDependencies) {
  const session = `rollout:${newId("evt")}`;
  const channel = await openChannel(addressOf(instance, tenant), { channel: "chat", message, session });
  return new Promise<{ readonly answer: string; readonly tokens: number | undefined }>((resolve, reject) => {
    let answer = "";
    const timer = setTimeout(() => {
      channel.close();
      reject(new Error(`it had not answered within ${withinSeconds} s`));
    }, withinSeconds * 1000);
    channel.onData((data) => {
      const event = ChatEventSchema.parse(parseJson(data));
      answer += event.type === "delta" ? event.text : "";
      if (answer.length > ANSWER_READ_MAX) {
        clearTimeout(timer);
        channel.close();
        reject(new Error(`its answer is longer than ${ANSWER_READ_MAX / 1024} KiB`));
      } else if (endsTurn(event)) {
        clearTimeout(timer);
        channel.close();
        if (event.type === "error") {
          reject(new Error(event.message));
        } else {
          resolve({ answer, tokens: event.type === "done" ? event.usage?.totalTokens : undefined });
        }
      }
    });
    channel.onClose(({ error }) => {
      clearTimeout(timer);
      reject(new Error(error ?? "its channel was closed before it had answered"));
    });
  });
}

async function readLogs(
  asking: Asking,
  { texts, max, lines }: LogErrors,
  marks: Map<string, string>,
  deps: MeasureDependencies,
): Promise<RolloutEvidence> {
  const read = asking.up.slice(0, LOGS_MAX);
  const threshold = `${max} lines with ${texts.map((text) => `'${text}'`).join(" or ")} in one log`;
  const wanted = { max, texts: texts.join(", "), of: read.length };
  const of = (verdict: RolloutEvidence["verdict"], code: EvidenceCode, params: Params, value: string): RolloutEvidence => ({
    ...{ gate: "log-errors", verdict, value, threshold, code, params: paramsOf({ ...wanted, ...params }) },
    measuredAt: deps.clock().toISOString(),
    source: `the logs of ${instances(read)} since each came up`,
  });
  let most = { count: 0, name: "", line: "" };
  for (const { member, instance, secretValues } of read) {
    const refused = mayNot(asking, instance, "instances.logs");
    if (refused !== undefined) {
      return of("failed", "NotAllowed", { name: instance.name, permission: "instances.logs" }, refused);
    }
    try {
      const isMarked = member.logMark !== undefined && !MARKS.has(member.logMark);
      const from = { tailLines: member.logMark === undefined ? 1 : lines, ...(isMarked && { after: member.logMark }) };
      const open = { channel: "logs", follow: false, items: true, ...from } as const;
      const found = await readLines(await deps.openChannel(addressOf(instance, asking.tenant), open));
      if (member.logMark === undefined) {
        // What is in it by now is from before.
        marks.set(member.instance, found.position ?? (found.lines.length === 0 ? FROM_THE_START : UNTOLD));
      }
      if (member.logMark === undefined || member.logMark === UNTOLD) {
        continue;
      }
      const bad = found.lines.slice(-lines).filter((line) => texts.some((text) => line.toLowerCase().includes(text.toLowerCase())));
      most = bad.length > most.count ? { count: bad.length, name: instance.name, line: shown(bad.at(-1) ?? "", secretValues) } : most;
    } catch (error) {
      const message = error instanceof Error ? redact(error.message) : "it can't be read";
      return of("waiting", "Unanswered", { name: instance.name, message }, `${instance.name}: ${message}`);
    }
  }
  const value = most.count === 0 ? "0" : `${most.count} of ${most.name}: '${most.line}'`;
  return of(most.count > max ? "failed" : "passed", "LogLines", most, value);
}

/** What a claw has said, as evidence keeps it: a secret of several lines is looked for line by line, and before anything is cut. */
function shown(text: string, secretValues: readonly string[]): string {
  const parts = secretValues.flatMap((value) => value.split("\n")).filter(({ length }) => length >= SECRET_LENGTH_MIN);
  return redact(maskText(text, parts)).slice(0, ANSWER_MAX);
}

/** Why who began the rollout may not ask that of an instance. */
function mayNot({ actor, rollout }: Asking, { projectId }: Instance, permission: Permission): string | undefined {
  const place = { tenantId: rollout.tenantId, project: projectId };
  return allows(actor.grants, permission, place) ? undefined : refusal(actor, permission).message;
}
