import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import type { LogItem } from "../../../sdk/contract/index.ts";
import { LogFile } from "../../../service/agent/log-file.ts";
import { LogReader } from "../../../service/agent/log-reader.ts";

function aLog(limits = { bytesMax: 100, files: 3 }) {
  const dir = mkdtempSync(join(tmpdir(), "claw-log-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return { dir, log: new LogFile(join(dir, "claw.log"), limits) };
}

describe("LogFile", () => {
  it("rotates under a writer that holds the file open, and keeps a fixed number of files", ({ expect }) => {
    const { dir, log } = aLog();
    const fd = openSync(log.path, "a");
    for (let round = 1; round <= 5; round++) {
      writeSync(fd, `${String(round).repeat(120)}\n`);
      log.rotateIfNeeded();
      expect(statSync(log.path).size).toBe(0);
    }
    writeSync(fd, "after\n");
    closeSync(fd);
    expect(readdirSync(dir).sort()).toEqual(["claw.log", "claw.log.1", "claw.log.2", "claw.log.mark"]);
    expect(readFileSync(log.path, "utf8")).toBe("after\n");
    expect(readFileSync(`${log.path}.1`, "utf8")).toBe(`${"5".repeat(120)}\n`);
    expect(readFileSync(`${log.path}.2`, "utf8")).toBe(`${"4".repeat(120)}\n`);
  });

  it("does not rotate a file within its limit", ({ expect }) => {
    const { dir, log } = aLog();
    appendFileSync(log.path, "short\n");
    log.rotateIfNeeded();
    expect(readdirSync(dir)).toEqual(["claw.log"]);
  });

  it("gives the last lines, also from before the last rotation", ({ expect }) => {
    const { log } = aLog();
    appendFileSync(log.path, `${"a".repeat(100)}\nold 1\nold 2\n`);
    log.rotateIfNeeded();
    appendFileSync(log.path, "new 1\nnew 2");
    expect(log.tail(1)).toBe("new 2");
    expect(log.tail(3)).toBe("old 2\nnew 1\nnew 2");
    expect(log.tail(0)).toBe("");
    expect(log.tail(100)).toBe(`${"a".repeat(100)}\nold 1\nold 2\nnew 1\nnew 2`);
  });

  it("finds the last lines of a large file", ({ expect }) => {
    const { log } = aLog({ bytesMax: 1e9, files: 2 });
    const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index} é`);
    appendFileSync(log.path, `${lines.join("\n")}\n`);
    expect(log.tail(20_000)).toBe(`${lines.slice(-20_000).join("\n")}\n`);
  });
});

describe("LogReader", () => {
  const linesOf = (reader: LogReader) => {
    const items: LogItem[] = [];
    for (let item = reader.next(); item; item = reader.next()) {
      items.push(item);
    }
    return { text: items.flatMap((item) => (item.type === "lines" ? item.lines : [`<${item.message}>`])), after: items.at(-1)?.position };
  };

  it("gives whole lines, and goes on behind a position over rotations and files that are gone", ({ expect }) => {
    const { log } = aLog();
    appendFileSync(log.path, "one\ntwo é\nthr");
    const first = linesOf(new LogReader(log, { tailLines: 100 }));
    expect(first.text).toEqual(["one", "two é"]);
    appendFileSync(log.path, `ee${"x".repeat(100)}\n`);
    log.rotateIfNeeded();
    appendFileSync(log.path, "four\n");
    // Another reader, as after a restart of the agent.
    const again = linesOf(new LogReader(new LogFile(log.path, { bytesMax: 100, files: 3 }), { after: first.after, tailLines: 9 }));
    expect(again.text).toEqual([`three${"x".repeat(100)}`, "four"]);
    for (const round of [1, 2, 3]) {
      appendFileSync(log.path, `${round}${"y".repeat(120)}\n`);
      log.rotateIfNeeded();
    }
    expect(linesOf(new LogReader(log, { after: again.after, tailLines: 9 })).text).toEqual([
      "<122 bytes were rotated away before they were read>",
      `2${"y".repeat(120)}`,
      `3${"y".repeat(120)}`,
    ]);
  });

  it("follows a line over the cut of a rotation", ({ expect }) => {
    const { log } = aLog();
    const reader = new LogReader(log, { tailLines: 0 });
    appendFileSync(log.path, `${"b".repeat(120)}\nha`);
    log.rotateIfNeeded();
    expect(linesOf(reader).text).toEqual(["b".repeat(120)]);
    appendFileSync(log.path, "lf é\n");
    expect(linesOf(reader).text).toEqual(["half é"]);
  });

  it.for(["before the cut", "behind it"])("keeps its place where a rotation was killed %s", (when, { expect }) => {
    const { log } = aLog();
    appendFileSync(log.path, `${"a".repeat(120)}\n`);
    const { after } = linesOf(new LogReader(log, { tailLines: 9 }));
    const { id, base } = JSON.parse(readFileSync(`${log.path}.mark`, "utf8"));
    copyFileSync(log.path, `${log.path}.1`);
    writeFileSync(`${log.path}.mark`, JSON.stringify({ id, base, next: 121 }));
    if (when === "behind it") {
      truncateSync(log.path);
    }
    appendFileSync(log.path, "next\n");
    expect(linesOf(new LogReader(log, { after, tailLines: 9 })).text).toEqual(["next"]);
    log.rotateIfNeeded();
    expect(linesOf(new LogReader(log, { after, tailLines: 9 })).text).toEqual(["next"]);
  });

  it("says that it is another log, and gives that whole", ({ expect }) => {
    const { dir, log } = aLog();
    appendFileSync(log.path, "one\n");
    const { after } = linesOf(new LogReader(log, { tailLines: 9 }));
    rmSync(dir, { recursive: true });
    const { text } = linesOf(new LogReader(another(log.path), { after, tailLines: 0 }));
    expect(text).toEqual(["<this is another log than the one that was read before: it follows from its beginning>", "anew"]);
  });

  it("gives a line that is longer than a piece in parts of whole characters, and a last one without an end as the rest", ({ expect }) => {
    const { log } = aLog({ bytesMax: 1e9, files: 2 });
    const long = "é".repeat(50_000);
    appendFileSync(log.path, `x${long}\nend`);
    const reader = new LogReader(log, { tailLines: 9 });
    expect(linesOf(reader).text.join("")).toBe(`x${long}`);
    expect(reader.rest()).toMatchObject({ lines: ["end"] });
  });
});

function another(path: string): LogFile {
  const log = new LogFile(path);
  appendFileSync(path, "anew\n");
  return log;
}
