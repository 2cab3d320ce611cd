import { describe, it } from "vitest";
import { ApiError } from "../../../adapters/kubernetes/client/api-errors.ts";
import { podLog, type ReadLog } from "../../../adapters/kubernetes/pod-log.ts";
import { collect } from "../../support/collect.ts";

/** A cluster that keeps these lines of a container and of the one before it, and looks at the second alone. */
function keeping(now: readonly string[], before?: readonly string[]): ReadLog {
  return async function* read({ previous, sinceTime = "", tailLines }) {
    const kept = previous ? before : now;
    if (!kept) {
      throw new ApiError(400, { message: "previous terminated container not found" });
    }
    yield* kept.filter((line) => line.slice(0, 19) >= sinceTime.slice(0, 19)).slice(tailLines === undefined ? 0 : -Number(tailLines));
  };
}

const at = (second: number, text: string, fraction = ".000000001") =>
  `2026-11-30T12:00:${String(second).padStart(2, "0")}${fraction}Z ${text}`;
const all = { tailLines: 100, follow: false };
async function read(log: ReadLog, after?: string) {
  const items = await collect(podLog(log, { ...all, after }));
  return { texts: items.map((item) => (item.type === "lines" ? item.lines.join() : item.type)), items };
}

/** The position behind the nth line. */
async function behind(log: ReadLog, n: number): Promise<string | undefined> {
  return (await read(log)).items[n - 1]?.position;
}

describe("the log of a pod", () => {
  const first = [at(1, "a"), at(1, "b"), at(1, "c", ".5"), at(2, "d"), at(2, "")];

  it("goes on behind any of its lines, those of the same time too", async ({ expect }) => {
    const log = keeping(first);
    const { texts } = await read(log);
    expect(texts).toEqual(["a", "b", "c", "d", ""]);
    for (let n = 1; n <= first.length; n++) {
      expect((await read(log, await behind(log, n))).texts, `behind line ${n}`).toEqual(texts.slice(n));
    }
  });

  it("is followed from one container to the next, until the pod is gone", async ({ expect }) => {
    const position = await behind(keeping(first), 2);
    // What the cluster answers, one request after the other.
    const answers: (readonly string[] | ApiError)[] = [
      ...[first, [...first, at(3, "e")]],
      // It has ended, and the next one is waited for.
      ...[new ApiError(400, { message: "container is waiting to start" })],
      ...[[at(9, "again")], [...first, at(3, "e"), at(4, "its last word")], [at(9, "again"), at(9, "and on")]],
      new ApiError(404, { message: "pods not found" }),
    ];
    const log: ReadLog = async function* read() {
      const next = answers.shift() ?? [];
      if (next instanceof ApiError) {
        throw next;
      }
      yield* next;
    };
    const items = await collect(podLog(log, { tailLines: 0, follow: true, after: position }, 1));
    expect(items.flatMap((item) => (item.type === "lines" ? item.lines : [item.type]))).toEqual([
      "c",
      "d",
      "",
      "e",
      "its last word",
      "again",
      "and on",
    ]);
    expect(answers).toEqual([]);
  });

  it("gives the rest of a container that has ended before what the next one says", async ({ expect }) => {
    const position = await behind(keeping(first), 3);
    expect((await read(keeping([at(9, "again")], first), position)).texts).toEqual(["d", "", "again"]);
    expect((await read(keeping([], first), position)).texts).toEqual(["d", ""]);
  });

  it("tells a gap where the line that was read last is not kept any more", async ({ expect }) => {
    const position = await behind(keeping(first), 3);
    expect((await read(keeping([at(9, "later")]), position)).texts).toEqual(["gap", "later"]);
    expect((await read(keeping([at(9, "later")], [at(7, "lost"), at(8, "between")]), position)).texts).toEqual([
      "gap",
      "lost",
      "between",
      "later",
    ]);
    expect((await read(keeping([]), position)).texts).toEqual(["gap"]);
    // Of an instance that was on a host before.
    expect((await read(keeping([at(9, "here")]), "3fa1.5120")).texts).toEqual(["gap", "here"]);
  });

  it("is shown without positions where a cluster tells no times", async ({ expect }) => {
    expect((await read(keeping(["the claw starts"]))).items).toEqual([{ type: "lines", lines: ["the claw starts"] }]);
  });
});
