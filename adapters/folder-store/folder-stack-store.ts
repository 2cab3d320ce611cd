import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { PendingOperation, SecretsProvider } from "../engine/contract/checkpoint.ts";
import { CommitBatches } from "../engine/contract/commit-batches.ts";
import {
  type HistoryEntry,
  type JournalEntry,
  LeaseLostError,
  StackExistsError,
  type StackLease,
  StackLockedError,
  StackMissingError,
  type StackRef,
  type StackStore,
  type StackSummary,
  type StoredResource,
  type StoredStack,
} from "../engine/contract/store.ts";
import { hasEnded, thisProcess } from "./holder-process.ts";
import { type Decision, StackLog } from "./stack-log.ts";
import { type LogEntry, StackRecord } from "./stack-record.ts";

/**
 * Stacks in a folder of this machine, or of one that several machines share: `<folder>/<project>/<stack>/`. Any number of processes may use
 * it at a time. A lease ends when its process has, where that can be known, else with its time, by the clocks of those machines.
 */
export class FolderStackStore implements StackStore {
  readonly #folder: string;
  readonly #logs = new Map<string, StackLog>();
  readonly #batches = new CommitBatches(async (lease, entries) => this.#fenced(lease, { kind: "journal", entries }));

  /** @param folder made with the first stack; whoever can read it can read all but the secrets */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async createStack(ref: StackRef, secretsProvider?: SecretsProvider): Promise<StoredStack> {
    return this.#append(ref, (record) => {
      if (record.settings.exists) {
        throw new StackExistsError(ref);
      }
      return { entry: { kind: "created", secretsProvider }, result: { ref, serial: 0, secretsProvider, config: {}, tags: {} } };
    });
  }

  async findStack(ref: StackRef): Promise<StoredStack | undefined> {
    const { exists, serial, secretsProvider, config, tags } = (await this.#log(ref).read()).settings;
    return exists ? { ref, serial, secretsProvider, config, tags } : undefined;
  }

  async listStacks(project?: string): Promise<StackSummary[]> {
    const projects = project === undefined ? await namesIn(this.#folder) : [project];
    const refs = await Promise.all(
      projects.map(async (name) => (await namesIn(join(this.#folder, toFileName(name)))).map((stack) => ({ project: name, stack }))),
    );
    const listed = await Promise.all(
      refs.flat().map(async (ref) => {
        const record = await this.#log(ref).read();
        const { exists, history, lease } = record.settings;
        const summary = {
          ref,
          resourceCount: record.resourceCount,
          lastUpdate: history.at(-1)?.endTime,
          updateInProgress: lease !== undefined && lease.expiresAt > Date.now() && !hasEnded(lease.process),
        };
        return exists ? [summary] : [];
      }),
    );
    return listed.flat().sort((a, b) => compare(a.ref.project, b.ref.project) || compare(a.ref.stack, b.ref.stack));
  }

  async removeStack(lease: StackLease): Promise<void> {
    await this.#fenced(lease, { kind: "removed" });
    await this.#log(lease.ref).fold();
  }

  /** A process that dies in the middle of it leaves the stack under both names: nothing is lost, and one of them can be removed. */
  async renameStack(
    lease: StackLease,
    to: StackRef,
    checkpoint: { resources: readonly StoredResource[]; pending: readonly PendingOperation[] },
  ): Promise<StackLease> {
    const from = await this.#append(lease.ref, (record) => ({ result: held(record, lease).write() }));
    const fencingToken = await this.#append(to, ({ settings }) => {
      if (settings.exists) {
        throw new StackExistsError(to);
      }
      const token = nextToken(settings.token);
      const renamed = StackRecord.read({ ...from, token });
      renamed.apply({ kind: "checkpoint", ...checkpoint });
      return { entry: { kind: "renamed", from: renamed.write() }, result: token };
    });
    await this.removeStack(lease);
    return { ...lease, ref: to, fencingToken };
  }

  async setSecretsProvider(target: StackLease | StackRef, secretsProvider: SecretsProvider): Promise<void> {
    if ("fencingToken" in target) {
      await this.#fenced(target, { kind: "settings", settings: { secretsProvider } });
    } else {
      await this.#change(target, { kind: "settings", settings: { secretsProvider } });
    }
  }

  async setConfig(ref: StackRef, config: StoredStack["config"]): Promise<void> {
    await this.#change(ref, { kind: "settings", settings: { config } });
  }

  async setTags(ref: StackRef, tags: StoredStack["tags"]): Promise<void> {
    await this.#change(ref, { kind: "settings", settings: { tags } });
  }

  async loadResources(ref: StackRef, urns?: readonly string[]): Promise<{ serial: number; resources: StoredResource[] }> {
    const record = await this.#existing(ref);
    return { serial: record.settings.serial, resources: record.resources(urns) };
  }

  async loadPending(ref: StackRef): Promise<{ operationId: string; operation: PendingOperation }[]> {
    return (await this.#existing(ref)).pending();
  }

  async findDependents(ref: StackRef, urns: readonly string[]): Promise<StoredResource[]> {
    return (await this.#existing(ref)).dependents(urns);
  }

  commit(lease: StackLease, entries: readonly JournalEntry[]): Promise<number> {
    return this.#batches.commit(lease, entries);
  }

  replaceDeployment(lease: StackLease, resources: readonly StoredResource[], pending: readonly PendingOperation[]): Promise<number> {
    return this.#fenced(lease, { kind: "checkpoint", resources, pending });
  }

  async acquireLease(ref: StackRef, holder: string, ttlSeconds: number): Promise<StackLease> {
    return this.#append(ref, (record) => {
      const { lease: former, token } = existing(record, ref).settings;
      if (former && former.expiresAt > Date.now() && !hasEnded(former.process)) {
        throw new StackLockedError(ref, former.holder);
      }
      const fencingToken = nextToken(token);
      const lease = { holder, expiresAt: Date.now() + ttlSeconds * 1000, process: thisProcess };
      return {
        entry: { kind: "leased", token: fencingToken, lease },
        result: { ref, holder, fencingToken, ...(former && { formerHolder: former.holder }) },
      };
    });
  }

  async renewLease(lease: StackLease, ttlSeconds: number): Promise<{ cancelRequested: boolean }> {
    return this.#append(lease.ref, (record) => {
      const { cancelRequested, lease: former } = held(record, lease).settings;
      const renewed = { holder: lease.holder, process: former?.process, expiresAt: Date.now() + ttlSeconds * 1000 };
      return { entry: { kind: "leased", token: lease.fencingToken, lease: renewed }, result: { cancelRequested } };
    });
  }

  /** A stack at rest is one file. */
  async releaseLease(lease: StackLease): Promise<void> {
    const wasHeld = await this.#append(lease.ref, (record) =>
      isHeld(record, lease) ? { entry: { kind: "released", token: lease.fencingToken }, result: true } : { result: false },
    );
    if (wasHeld) {
      await this.#log(lease.ref).fold();
    }
  }

  async requestCancel(ref: StackRef): Promise<string | undefined> {
    return this.#append(ref, (record) => {
      const { lease } = existing(record, ref).settings;
      return lease && lease.expiresAt > Date.now() && !hasEnded(lease.process)
        ? { entry: { kind: "cancelRequested" }, result: lease.holder }
        : { result: undefined };
    });
  }

  async breakLease(ref: StackRef): Promise<string | undefined> {
    return this.#append(ref, (record) => {
      const { lease, token } = existing(record, ref).settings;
      return lease ? { entry: { kind: "released", token: nextToken(token) }, result: lease.holder } : { result: undefined };
    });
  }

  async appendHistory(ref: StackRef, entry: Omit<HistoryEntry, "version">): Promise<void> {
    await this.#change(ref, { kind: "history", entry });
  }

  async listHistory(ref: StackRef, pageSize?: number, page = 1): Promise<HistoryEntry[]> {
    const newestFirst = [...(await this.#existing(ref)).settings.history].reverse();
    return pageSize === undefined ? newestFirst : newestFirst.slice((page - 1) * pageSize, page * pageSize);
  }

  /** @throws {LeaseLostError} @returns the new serial */
  async #fenced(lease: StackLease, entry: LogEntry): Promise<number> {
    return this.#append(lease.ref, (record) => ({ entry, result: held(record, lease).settings.serial + 1 }));
  }

  async #change(ref: StackRef, entry: LogEntry): Promise<void> {
    await this.#append(ref, (record) => {
      existing(record, ref);
      return { entry, result: undefined };
    });
  }

  async #existing(ref: StackRef): Promise<StackRecord> {
    return existing(await this.#log(ref).read(), ref);
  }

  #append<T>(ref: StackRef, decide: (record: StackRecord) => Decision<T>): Promise<T> {
    return this.#log(ref).append(decide);
  }

  #log({ project, stack }: StackRef): StackLog {
    const folder = join(this.#folder, toFileName(project), toFileName(stack));
    const known = this.#logs.get(folder);
    if (known) {
      return known;
    }
    const log = new StackLog(folder);
    this.#logs.set(folder, log);
    return log;
  }
}

function existing(record: StackRecord, ref: StackRef): StackRecord {
  if (!record.settings.exists) {
    throw new StackMissingError(ref);
  }
  return record;
}

function isHeld({ settings }: StackRecord, lease: StackLease): boolean {
  return settings.exists && settings.lease !== undefined && settings.token === lease.fencingToken;
}

function held(record: StackRecord, lease: StackLease): StackRecord {
  if (!isHeld(record, lease)) {
    throw new LeaseLostError(lease.ref);
  }
  return record;
}

/** Higher than any of this stack, and none that another stack's lease has in this process. */
function nextToken(token: number): number {
  return Math.max(token + 1, Date.now() * 1000 + Math.floor(Math.random() * 1000));
}

/** Names that no path can be made of, and that come back as they were. */
function toFileName(name: string): string {
  return encodeURIComponent(name).replace(/^\./, "%2E");
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return [];
    }
    throw error;
  });
  return names.filter((name) => !name.startsWith(".")).map(decodeURIComponent);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
