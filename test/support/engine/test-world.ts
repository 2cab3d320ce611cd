import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PropertyMap } from "../../../adapters/engine/contract/values.ts";

/** What the test provider's "cloud" holds of one resource. */
export interface WorldResource {
  readonly type: string;
  readonly inputs: PropertyMap;
  readonly outputs: PropertyMap;
}
/** How the next matching call misbehaves; it is used up by it unless `always`. */
export interface Misbehaviour {
  readonly op: "check" | "diff" | "create" | "read" | "update" | "delete" | "invoke";
  readonly name: string;
  readonly error?: string;
  /** The resource is there but did not become ready. */
  readonly partial?: readonly string[];
  /** A creation that answers without an ID. */
  readonly emptyId?: boolean;
  /** The provider's process ends in the middle of the call. */
  readonly exit?: boolean;
  readonly always?: boolean;
}
export interface WorldCall {
  readonly op: string;
  readonly name: string;
  readonly id?: string;
  readonly preview?: boolean;
}

/** Where a test provider keeps its resources: outside of it, so that a provider process of the CLI and the test share it. */
export interface World {
  get(id: string): WorldResource | undefined;
  set(id: string, resource: WorldResource): void;
  delete(id: string): void;
  ids(): string[];
  /** A new id of this name: `name-1`, `name-2`, … */
  newId(name: string): string;
  misbehave(misbehaviour: Misbehaviour): void;
  takeMisbehaviour(op: string, name: string): Misbehaviour | undefined;
  /** Resolves when a write of this name may go on. */
  letGo(name: string): Promise<void>;
  record(call: WorldCall): void;
  calls(): WorldCall[];
  forgetCalls(): void;
}

export class MemoryWorld implements World {
  readonly #resources = new Map<string, WorldResource>();
  readonly #counters = new Map<string, number>();
  readonly #held = new Map<string, Promise<void>>();
  #misbehaviours: Misbehaviour[] = [];
  #calls: WorldCall[] = [];

  get(id: string): WorldResource | undefined {
    return this.#resources.get(id);
  }
  set(id: string, resource: WorldResource): void {
    this.#resources.set(id, resource);
  }
  delete(id: string): void {
    this.#resources.delete(id);
  }
  ids(): string[] {
    return [...this.#resources.keys()].sort();
  }
  newId(name: string): string {
    const count = (this.#counters.get(name) ?? 0) + 1;
    this.#counters.set(name, count);
    return `${name}-${count}`;
  }
  misbehave(misbehaviour: Misbehaviour): void {
    this.#misbehaviours.push(misbehaviour);
  }
  /** No misbehaviour is left over from here on. */
  behave(): void {
    this.#misbehaviours = [];
  }
  takeMisbehaviour(op: string, name: string): Misbehaviour | undefined {
    const found = this.#misbehaviours.find((rule) => rule.op === op && rule.name === name);
    if (found && !found.always) {
      this.#misbehaviours = this.#misbehaviours.filter((rule) => rule !== found);
    }
    return found;
  }
  /** Writes of this name go on only when what it returns is called. */
  hold(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(name, promise);
    return resolve;
  }
  async letGo(name: string): Promise<void> {
    await this.#held.get(name);
  }
  record(call: WorldCall): void {
    this.#calls.push(call);
  }
  calls(): WorldCall[] {
    return [...this.#calls];
  }
  forgetCalls(): void {
    this.#calls = [];
  }
}

/** A world in a folder, for a provider that runs in a process of its own. */
export class DirectoryWorld implements World {
  readonly #folder: string;
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, "resources"), { recursive: true });
  }
  #path(id: string): string {
    return join(this.#folder, "resources", `${encodeURIComponent(id)}.json`);
  }
  #read<T>(file: string, missing: T): T {
    const path = join(this.#folder, file);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : missing;
  }
  #write(file: string, value: unknown): void {
    writeFileSync(join(this.#folder, file), JSON.stringify(value));
  }
  get(id: string): WorldResource | undefined {
    return existsSync(this.#path(id)) ? JSON.parse(readFileSync(this.#path(id), "utf8")) : undefined;
  }
  set(id: string, resource: WorldResource): void {
    writeFileSync(this.#path(id), JSON.stringify(resource));
  }
  delete(id: string): void {
    rmSync(this.#path(id), { force: true });
  }
  ids(): string[] {
    const files = readdirSync(join(this.#folder, "resources"));
    return files.map((file) => decodeURIComponent(file.replace(/\.json$/, ""))).sort();
  }
  newId(name: string): string {
    const counters = this.#read<Record<string, number>>("counters.json", {});
    const count = (counters[name] ?? 0) + 1;
    this.#write("counters.json", { ...counters, [name]: count });
    return `${name}-${count}`;
  }
  misbehave(misbehaviour: Misbehaviour): void {
    this.#write("misbehaviours.json", [...this.#read<Misbehaviour[]>("misbehaviours.json", []), misbehaviour]);
  }
  takeMisbehaviour(op: string, name: string): Misbehaviour | undefined {
    const rules = this.#read<Misbehaviour[]>("misbehaviours.json", []);
    const index = rules.findIndex((rule) => rule.op === op && rule.name === name);
    if (index < 0) {
      return undefined;
    }
    if (!rules[index]?.always) {
      this.#write("misbehaviours.json", rules.toSpliced(index, 1));
    }
    return rules[index];
  }
  async letGo(): Promise<void> {}
  record(call: WorldCall): void {
    appendFileSync(join(this.#folder, "calls.jsonl"), `${JSON.stringify(call)}\n`);
  }
  calls(): WorldCall[] {
    const path = join(this.#folder, "calls.jsonl");
    if (!existsSync(path)) {
      return [];
    }
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }
  forgetCalls(): void {
    rmSync(join(this.#folder, "calls.jsonl"), { force: true });
  }
}
