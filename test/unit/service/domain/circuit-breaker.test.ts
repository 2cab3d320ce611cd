import { describe, it } from "vitest";
import { CircuitBreaker } from "../../../../service/domain/circuit-breaker.ts";

const AWAY = new Error("connect ECONNREFUSED");
const REFUSED = new Error("forbidden");

function aBreaker() {
  let nowMs = 0;
  let asked = 0;
  let answer: Error | undefined = AWAY;
  const breaker = new CircuitBreaker({ dependency: () => "there", isFailure: (error) => error === AWAY, clock: () => nowMs });
  const ask = () =>
    breaker.run(async () => {
      asked += 1;
      if (answer) {
        throw answer;
      }
      return "well";
    });
  return {
    breaker,
    /** What asking came to, and whether it was asked at all. */
    async ask() {
      const before = asked;
      const came = await ask().catch((error: Error) => error.message);
      return [came, asked > before];
    },
    answers: (next: Error | undefined) => {
      answer = next;
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("a circuit", () => {
  it("opens after three failures in a row, and then costs nobody the time to find out", async ({ expect }) => {
    const { breaker, ask } = aBreaker();
    expect([await ask(), await ask(), await ask()]).toEqual(Array(3).fill([AWAY.message, true]));
    expect(breaker.circuit).toEqual({ dependency: "there", state: "open", failures: 3, message: AWAY.message });
    expect(await ask()).toEqual([AWAY.message, false]);
  });

  it("lets one through after a while, and closes once that is answered", async ({ expect }) => {
    const { breaker, ask, answers, pass } = aBreaker();
    await Promise.all([ask(), ask(), ask()]);
    pass(5_000);
    expect(breaker.circuit.state).toBe("half-open");
    // Of those that come then, one finds out.
    expect(await ask()).toEqual([AWAY.message, true]);
    expect(await ask()).toEqual([AWAY.message, false]);
    pass(5_000);
    answers(undefined);
    expect(await ask()).toEqual(["well", true]);
    expect(breaker.circuit).toEqual({ dependency: "there", state: "closed", failures: 0 });
  });

  it("takes a refusal for an answer, and is closed by whoever looks on purpose", async ({ expect }) => {
    const { breaker, ask, answers } = aBreaker();
    await Promise.all([ask(), ask()]);
    answers(REFUSED);
    await ask();
    answers(AWAY);
    await Promise.all([ask(), ask()]);
    expect(breaker.circuit.state).toBe("closed");
    await ask();
    expect(breaker.circuit.state).toBe("open");
    await breaker.probe(async () => "well");
    expect(breaker.circuit.state).toBe("closed");
  });
});
