import { describe, it } from "vitest";
import { amountOf } from "../../../sdk/contract/quantity.ts";
import { shareOf } from "../../../service/console/app/amounts.ts";
import { found } from "../../../service/console/app/found.ts";
import { relative } from "../../../service/console/app/times.ts";
import { appended, chosen, LOG_LINES_MAX, type LogLine, levelOf, plain } from "../../../service/console/instances/log-lines.ts";
import { returnTo, ticketIn } from "../../../service/console/sign-in/ticket.ts";

describe("times", () => {
  it.for([
    { seconds: 0, en: "now", zh: "现在" },
    { seconds: -59, en: "59s ago", zh: "59秒前" },
    { seconds: -3_599, en: "59m ago", zh: "59分钟前" },
    { seconds: -90_000, en: "yesterday", zh: "昨天" },
  ])("are told in the largest unit: $en", ({ seconds, en, zh }, { expect }) => {
    const now = Date.parse("2026-05-05T12:00:00Z");
    expect([relative(now + seconds * 1000, now, "en"), relative(now + seconds * 1000, now, "zh")]).toEqual([en, zh]);
  });
});

describe("quantities", () => {
  it("are numbers with a unit of Kubernetes', and nothing else", ({ expect }) => {
    expect(["250m", "2", "1.5Gi", "3k"].map(amountOf)).toEqual([0.25, 2, 1.5 * 2 ** 30, 3000]);
    expect(["", "-1", "1e3", "2 Gi", "1constructor", "1toString"].map(amountOf)).toEqual(Array(6).fill(undefined));
  });

  it("are shares of a limit, of none too", ({ expect }) => {
    expect([shareOf("500m", "2"), shareOf("3", "0"), shareOf("0", "0"), shareOf("much", "2")]).toEqual([0.25, 1, 0, undefined]);
  });
});

describe("a log", () => {
  const lines = (...texts: string[]): LogLine[] => texts.map((text, id) => ({ id, text, level: levelOf(text) }));

  it.for([
    { line: '{"level":50,"msg":"x"}', level: "error" },
    { line: '{"level":"warn","msg":"x"}', level: "warn" },
    { line: "2026-01-01T00:00:00Z ERROR it broke", level: "error" },
    { line: "[gateway] listening", level: undefined },
    { line: '{"level":30,"msg":"no error"}', level: undefined },
  ])("says how bad a line is: $line", ({ line, level }, { expect }) => {
    expect(levelOf(line)).toBe(level);
  });

  it("is searched by text and by how bad lines are", ({ expect }) => {
    const all = lines("error: a", "warning: b", "c of a");
    expect(chosen(all, "A", undefined).map(({ text }) => text)).toEqual(["error: a", "warning: b", "c of a"]);
    expect(chosen(all, "", "warn")).toHaveLength(2);
    expect(chosen(all, "a", "error").map(({ text }) => text)).toEqual(["error: a"]);
  });

  it("keeps the newest lines, and no more than it can", ({ expect }) => {
    const full = appended([], lines(...Array.from({ length: LOG_LINES_MAX }, (_, index) => `line ${index}`)));
    const more = appended(full, [{ id: -1, text: "newest", level: undefined }]);
    expect(more.length).toBeLessThan(LOG_LINES_MAX);
    expect(more.at(-1)?.text).toBe("newest");
  });

  it("is without a terminal's colours", ({ expect }) => {
    expect(plain("\u001b[31mred\u001b[0m")).toBe("red");
  });
});

describe("what is typed to go somewhere", () => {
  it("finds what has every word, what begins with it first", ({ expect }) => {
    const entries = ["web-chat", "chat-1", "other"].map((text) => ({ text }));
    expect(found(entries, "chat", 10).map(({ text }) => text)).toEqual(["chat-1", "web-chat"]);
    expect(found(entries, "chat 1", 10)).toHaveLength(1);
    expect(found(entries, "", 2)).toHaveLength(2);
  });
});

describe("the address of signing in", () => {
  it("has a ticket behind the # alone", ({ expect }) => {
    expect(ticketIn("#ticket=clawl_aZ-9_")).toBe("clawl_aZ-9_");
    expect(["", "#other=1", "#ticket=", "#ticket=<script>"].map(ticketIn)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("leads back to addresses of this console, and nowhere else", ({ expect }) => {
    expect(returnTo("/t/acme/instances?q=web")).toBe("/t/acme/instances?q=web");
    for (const address of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "t/acme", 3, undefined]) {
      expect(returnTo(address)).toBe(undefined);
    }
  });
});
