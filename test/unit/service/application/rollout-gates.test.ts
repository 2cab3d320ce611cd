import { describe, it } from "vitest";
import { type ChannelOpen, ClawError, type Permission } from "../../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../../../service/application/ports/instances/agents.ts";
import { type Asking, isToMeasure, measure } from "../../../../service/application/rollouts/measure.ts";
import { ANONYMOUS } from "../../../../service/domain/access/actor.ts";
import { grantsOf } from "../../../../service/domain/access/grants.ts";
import type { Member } from "../../../../service/domain/rollouts/rollout.ts";
import { anInstance } from "../../../support/builders/instance.ts";
import { aMember, aRolloutSpec, aStoredRollout } from "../../../support/builders/rollouts.ts";

const NOW = "2026-01-05T10:00:30.000Z";
const GATES = { probe: { message: "are you there?", expect: "Here", withinSeconds: 1 }, logErrors: { max: 1 } };

/** What is asked of one claw whose wave is watched. */
function anAsking(
  {
    gates = GATES as object,
    logMark,
    secretValues = [],
  }: { readonly gates?: object; readonly logMark?: string; readonly secretValues?: string[] },
  permissions: readonly Permission[] = ["instances.chat", "instances.logs"],
): Asking {
  const instance = anInstance({ name: "web" });
  const stored = aStoredRollout({ tenantId: instance.tenantId });
  const spec = aRolloutSpec({ gates, bakeSeconds: 60 });
  const [wave] = stored.state.waves;
  const waves = wave ? [{ ...wave, phase: "Baking" as const, bakesUntil: "2026-01-05T10:01:00.000Z" }] : [];
  const grants = grantsOf([{ at: "tenant", role: "own", permissions }], instance.tenantId);
  const member: Member = aMember({ instance: instance.id, name: "web", state: "updated", logMark });
  const rollout = { ...stored, spec, state: { ...stored.state, waves } };
  return { rollout, up: [{ member, instance, secretValues }], actor: { ...ANONYMOUS, subject: "alice", grants }, tenant: "acme" };
}

/** A claw that says these things when it is asked, and then nothing more. */
function saying(answers: Partial<Record<ChannelOpen["channel"], readonly object[]>>, opened: ChannelOpen[] = []) {
  return async (_address: unknown, open: ChannelOpen): Promise<AgentChannel> => {
    opened.push(open);
    const said = answers[open.channel];
    if (!said) {
      throw new ClawError("instance.unreachable", "its agent is not connected");
    }
    let close: (end: object) => void = () => undefined;
    return {
      send: () => undefined,
      resize() {},
      close() {},
      onClose(listener) {
        close = listener;
      },
      onData(listener) {
        setImmediate(() => {
          for (const item of said) {
            void listener(JSON.stringify(item));
          }
          if (said.length > 0) {
            close({});
          }
        });
      },
    };
  };
}

const clock = () => new Date(NOW);
const answer = (text: string) => [{ type: "delta", text: text.slice(0, 3) }, { type: "delta", text: text.slice(3) }, { type: "done" }];
const lines = (position: string, ...all: string[]) => [{ type: "lines", lines: all, position }];

describe("a probe conversation", () => {
  const probe = async (asking: Asking, chat: readonly object[] | undefined) =>
    (await measure(asking, { openChannel: saying(chat ? { chat } : {}), clock })).evidence[0];
  const alone = { gates: { probe: GATES.probe } };

  it("passes for an answer that has the text in it, and says what was looked at", async ({ expect }) => {
    expect(await probe(anAsking(alone), answer("I am here."))).toEqual({
      gate: "probe",
      verdict: "passed",
      value: "1 of 1 answered so",
      threshold: "an answer with 'Here' within 1 s",
      code: "Answered",
      params: { expect: "Here", withinSeconds: "1", names: "web", count: "1" },
      measuredAt: NOW,
      source: "a message to web",
    });
  });

  it("fails for another answer, an error, none in time, and nobody who may ask", async ({ expect }) => {
    expect(await probe(anAsking(alone), answer("Who asks?"))).toMatchObject({ verdict: "failed", value: "web answered 'Who asks?'" });
    const error = [{ type: "error", message: "no model" }];
    expect(await probe(anAsking(alone), error)).toMatchObject({ verdict: "failed", value: "web: no model" });
    expect(await probe(anAsking(alone), [])).toMatchObject({ verdict: "failed", value: "web: it had not answered within 1 s" });
    const refused = await probe(anAsking(alone, ["instances.logs"]), answer("here"));
    expect(refused).toMatchObject({ verdict: "failed", value: expect.stringContaining("'alice' may not talk to instances here") });
  });

  it("keeps no secret of the claw's that it says, whole or by lines", async ({ expect }) => {
    const asking = anAsking({ ...alone, secretValues: ["hunter2", "-----BEGIN\nfirst line\nlast line"] });
    const said = await probe(asking, answer(`It is hunter2, or first line. ${"So ".repeat(58)}and hunter2`));
    expect(said).toMatchObject({ verdict: "failed" });
    expect(said?.value).not.toMatch(/hunt|first line/);
    const failure = [{ type: "error", message: "the key hunter2 is wrong" }];
    expect((await probe(asking, failure))?.value).toBe("web: the key [secret] is wrong");
  });

  it("is held to what its turn may take, by what the claw says of it", async ({ expect }) => {
    const bounded = anAsking({ gates: { probe: { ...GATES.probe, maxTokens: 100 } } });
    const said = (usage?: object) => [
      { type: "delta", text: "here" },
      { type: "done", ...(usage && { usage }) },
    ];
    const usage = (totalTokens: number) => ({ inputTokens: totalTokens - 1, outputTokens: 1, totalTokens });
    expect(await probe(bounded, said(usage(100)))).toMatchObject({
      verdict: "passed",
      value: "1 of 1 answered so, with 100 tokens at most",
      threshold: "an answer with 'Here' within 1 s, of at most 100 tokens",
    });
    expect(await probe(bounded, said(usage(101)))).toMatchObject({
      verdict: "failed",
      value: "web took 101 tokens",
      code: "TokensTooMany",
      params: { name: "web", tokens: "101", maxTokens: "100" },
    });
    expect(await probe(bounded, said())).toMatchObject({ verdict: "failed", value: "web did not say how many tokens it took" });
  });

  it("ends where a claw talks on and on", async ({ expect }) => {
    const endless = Array.from({ length: 5 }, () => ({ type: "delta", text: "so ".repeat(20_000) }));
    expect(await probe(anAsking(alone), [...endless, ...answer("here")])).toMatchObject({
      verdict: "failed",
      value: "web: its answer is longer than 256 KiB",
    });
  });

  it("waits for an agent that is not here", async ({ expect }) => {
    expect(await probe(anAsking(alone), undefined)).toMatchObject({ verdict: "waiting" });
  });

  it("is held once in a wave", async ({ expect }) => {
    const asking = anAsking(alone);
    const { evidence } = await measure(asking, { openChannel: saying({ chat: answer("here") }), clock });
    const opened: ChannelOpen[] = [];
    const waves = asking.rollout.state.waves.map((wave) => ({ ...wave, gates: evidence }));
    const again = { ...asking, rollout: { ...asking.rollout, state: { ...asking.rollout.state, waves } } };
    expect((await measure(again, { openChannel: saying({}, opened), clock })).evidence).toEqual(evidence);
    expect(opened).toEqual([]);
  });
});

describe("errors of a log", () => {
  const alone = { gates: { logErrors: GATES.logErrors } };

  it("count from when a claw came up", async ({ expect }) => {
    const first = await measure(anAsking(alone), { openChannel: saying({ logs: lines("7", "an old ERROR") }), clock });
    expect(first).toMatchObject({ evidence: [{ verdict: "passed", value: "0" }], marks: new Map([[expect.any(String), "7"]]) });
    const opened: ChannelOpen[] = [];
    const logs = lines("9", "fine", "Error: one", "a fatal one");
    const { evidence } = await measure(anAsking({ ...alone, logMark: "7" }), { openChannel: saying({ logs }, opened), clock });
    expect(opened).toMatchObject([{ channel: "logs", after: "7" }]);
    expect(evidence).toMatchObject([
      { gate: "log-errors", verdict: "failed", value: "2 of web: 'a fatal one'", threshold: "1 lines with 'error' or 'fatal' in one log" },
    ]);
  });

  it("are quoted without the claw's secrets", async ({ expect }) => {
    const logs = lines("9", "an error at hunter2", "an error with hunter2");
    const { evidence } = await measure(anAsking({ ...alone, logMark: "7", secretValues: ["hunter2"] }), {
      openChannel: saying({ logs }),
      clock,
    });
    expect(evidence).toMatchObject([{ value: "2 of web: 'an error with [secret]'" }]);
  });

  it("are not looked for where nobody may, and not before a wave is watched", async ({ expect }) => {
    const refused = await measure(anAsking(alone, []), { openChannel: saying({ logs: [] }), clock });
    expect(refused.evidence).toMatchObject([{ verdict: "failed", value: expect.stringContaining("may not read what instances log") }]);
    const { rollout } = anAsking(alone);
    expect(isToMeasure(rollout)).toBe(true);
    expect(isToMeasure({ ...rollout, spec: aRolloutSpec() })).toBe(false);
    expect(isToMeasure({ ...rollout, state: { ...rollout.state, phase: "Paused" } })).toBe(false);
  });
});
