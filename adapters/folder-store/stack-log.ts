import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type LogEntry, StackRecord, type WrittenRecord } from "./stack-record.ts";

const STATE_FILE = "state.json";
/** Of what is written: a folder of a later version is refused, not misread. */
const FORMAT = 1;
/** A log is folded when it has at least so many entries and is larger than what it folds into, so that folding costs no more than writing. */
const ENTRIES_MIN = 200;
const ENTRIES_MAX = 4000;

/** The last entry of a generation: whatever comes next is in the one after it. */
const SEALED = { kind: "sealed" } as const;

/** What was decided on the newest record. Without an entry nothing is written. */
export interface Decision<T> {
  readonly entry?: LogEntry;
  readonly result: T;
}

/**
 * A stack's changes in a folder, in one order for all processes that write there, without locks: nobody has to find out whether the
 * holder of one is still alive.
 *
 * `<generation>/state.json` is the record that a generation starts from, `<generation>/1.json`, `2.json`, … are its changes. A change is
 * written beside, then given the next number by a hard link: of two processes one gets it, the other reads what was written and decides
 * again. A generation that has grown is sealed by a last entry; then the next one, which follows from it, is renamed into place, and
 * the old one renamed away as a whole, so that a process that was asleep finds no place to write to.
 */
export class StackLog {
  readonly #folder: string;
  #generation = 0;
  #entries = 0;
  #isSealed = false;
  #logBytes = 0;
  #stateBytes = 0;
  #record = new StackRecord();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(): Promise<StackRecord> {
    return this.#inTurn(async () => {
      await this.#catchUp();
      return this.#record;
    });
  }

  /** @param decide is asked again when another process was first; what it throws is thrown */
  append<T>(decide: (record: StackRecord) => Decision<T>): Promise<T> {
    return this.#inTurn(async () => {
      for (;;) {
        await this.#catchUp();
        const { entry, result } = decide(this.#record);
        if (!entry) {
          return result;
        }
        if (this.#generation === 0) {
          await this.#startGeneration(1, this.#folder);
          continue;
        }
        if (await this.#write(entry)) {
          this.#record.apply(entry);
          const isLong = this.#entries >= ENTRIES_MIN && this.#logBytes >= this.#stateBytes;
          if (isLong || this.#entries >= ENTRIES_MAX) {
            await this.#fold();
          }
          return result;
        }
      }
    });
  }

  /** Leaves nothing in the folder but the record as it is now. */
  fold(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#catchUp();
      if (this.#entries > 0) {
        await this.#fold();
      }
    });
  }

  /** One at a time within this process: the record in memory is everybody's. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const newest = await this.#newestGeneration();
      if (newest !== this.#generation) {
        await this.#load(newest);
        continue;
      }
      if (newest === 0) {
        return;
      }
      await this.#readEntries();
      if (this.#isSealed) {
        // Who sealed it goes on with this, or has died: whoever is first, it is the same.
        await this.#startGeneration(this.#generation + 1, this.#path(this.#generation));
      } else if ((await this.#newestGeneration()) === this.#generation) {
        // It was there all the time: the entry that was not found is not there.
        return;
      }
    }
  }

  /** 0 where nothing was ever written. */
  async #newestGeneration(): Promise<number> {
    const names = await orMissing(readdir(this.#folder));
    return Math.max(0, ...(names ?? []).filter((name) => /^\d+$/.test(name)).map(Number));
  }

  async #load(generation: number): Promise<void> {
    const text = await orMissing(readFile(this.#path(generation, STATE_FILE), "utf8"));
    if (text === undefined) {
      return;
    }
    const { format, ...written } = this.#parse(text, this.#path(generation, STATE_FILE)) as WrittenRecord & { format: number };
    if (format !== FORMAT) {
      throw new Error(
        `'${this.#folder}' has state of format ${format}, this version reads ${FORMAT}: use the version that wrote it, or a newer one`,
      );
    }
    this.#record = StackRecord.read(written);
    this.#generation = generation;
    this.#entries = 0;
    this.#isSealed = false;
    this.#logBytes = 0;
    this.#stateBytes = text.length;
  }

  async #readEntries(): Promise<void> {
    while (!this.#isSealed) {
      const path = this.#path(this.#generation, `${this.#entries + 1}.json`);
      const text = await orMissing(readFile(path, "utf8"));
      if (text === undefined) {
        return;
      }
      const entry = this.#parse(text, path) as LogEntry | typeof SEALED;
      this.#entries++;
      this.#logBytes += text.length;
      if (entry.kind === "sealed") {
        this.#isSealed = true;
      } else {
        this.#record.apply(entry);
      }
    }
  }

  /** Whether the entry got the next number. */
  async #write(entry: LogEntry | typeof SEALED): Promise<boolean> {
    const folder = this.#path(this.#generation);
    const draft = join(folder, `.${randomUUID()}`);
    const text = JSON.stringify(entry);
    try {
      await writeDurably(draft, text);
      await link(draft, join(folder, `${this.#entries + 1}.json`));
    } catch (error) {
      // Taken by another process; or the generation is gone, with all that was in it.
      if (isCode(error, "EEXIST", "ENOENT")) {
        return false;
      }
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    // Where it is gone already, what was in it is folded.
    await orMissing(syncFolder(folder));
    this.#entries++;
    this.#logBytes += text.length;
    return true;
  }

  /** What is written stays written when this fails: the next change tries again, and says why it can't. */
  async #fold(): Promise<void> {
    try {
      this.#isSealed = await this.#write(SEALED);
      await this.#catchUp();
      await this.#removeBefore(this.#generation);
    } catch {
      this.#generation = 0;
    }
  }

  /** @param beside where it is prepared: in its predecessor, so that it can't come to be when that is long gone */
  async #startGeneration(generation: number, beside: string): Promise<void> {
    const draft = join(beside, `.${randomUUID()}`);
    try {
      await mkdir(draft, { recursive: generation === 1, mode: 0o700 });
      await writeDurably(join(draft, STATE_FILE), JSON.stringify({ format: FORMAT, ...this.#record.write() }));
      await syncFolder(draft);
      await rename(draft, this.#path(generation));
      await syncFolder(this.#folder);
      if (generation === 1) {
        await syncFolder(dirname(this.#folder));
        await syncFolder(dirname(dirname(this.#folder)));
      }
    } catch (error) {
      if (!isCode(error, "EEXIST", "ENOTEMPTY", "ENOENT")) {
        throw error;
      }
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** The oldest first: while one is there, its successor is or may still be prepared in it, and afterwards never again. */
  async #removeBefore(generation: number): Promise<void> {
    const names = await readdir(this.#folder);
    const old = names.filter((name) => /^\d+$/.test(name) && Number(name) < generation).sort((a, b) => Number(a) - Number(b));
    for (const name of old) {
      await orMissing(rename(join(this.#folder, name), join(this.#folder, `.${randomUUID()}`)));
    }
    // What was renamed away, and what a process that died has left.
    for (const name of (await readdir(this.#folder)).filter((each) => each.startsWith("."))) {
      await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  #path(generation: number, file = ""): string {
    return join(this.#folder, String(generation), file);
  }

  #parse(text: string, path: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new Error(
        `'${path}' is damaged: restore the folder '${this.#folder}' from a copy, or import an export of the stack elsewhere`,
        {
          cause,
        },
      );
    }
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (isCode(error, "ENOENT")) {
      return undefined;
    }
    throw error;
  });
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
