import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { PropertyMap } from "../../adapters/engine/contract/values.ts";
import { ClawProvider } from "../../adapters/providers/clusterclaw/provider.ts";

/** One resource as the engine drives it: check, diff, create or update, refresh, delete. */
export class TestResource {
  readonly type: string;
  readonly provider = new ClawProvider();
  id = "";
  inputs: PropertyMap = {};
  outputs: PropertyMap = {};

  constructor(type: string) {
    this.type = `clusterclaw:process:${type}`;
  }

  get #call() {
    return { urn: `urn:pulumi:s::p::${this.type}::r`, type: this.type, name: "r" };
  }

  async check(news: PropertyMap) {
    const { failures } = await this.provider.check({ ...this.#call, olds: this.inputs, news, randomSeed: new Uint8Array(32) });
    return failures;
  }

  diff(news: PropertyMap, ignoreChanges: string[] = []) {
    return this.provider.diff({ ...this.#call, id: this.id, oldInputs: this.inputs, oldOutputs: this.outputs, news, ignoreChanges });
  }

  preview(news: PropertyMap) {
    return this.provider.create({ ...this.#call, inputs: news, preview: true, timeoutSeconds: 0 });
  }

  async create(news: PropertyMap, signal?: AbortSignal): Promise<this> {
    const created = await this.provider.create({
      ...this.#call,
      inputs: news,
      preview: false,
      timeoutSeconds: 0,
      ...(signal ? { signal } : {}),
    });
    Object.assign(this, { id: created.id, inputs: news, outputs: created.outputs });
    return this;
  }

  async update(news: PropertyMap): Promise<this> {
    const { outputs } = await this.provider.update({
      ...this.#call,
      id: this.id,
      oldInputs: this.inputs,
      oldOutputs: this.outputs,
      news,
      ignoreChanges: [],
      preview: false,
      timeoutSeconds: 0,
    });
    Object.assign(this, { inputs: news, outputs });
    return this;
  }

  /** Takes over what is really there; false when it is gone. */
  async refresh(): Promise<boolean> {
    const found = await this.provider.read({ ...this.#call, id: this.id, inputs: this.inputs, outputs: this.outputs });
    if (found.id !== "") {
      Object.assign(this, { inputs: found.inputs, outputs: found.outputs });
    }
    return found.id !== "";
  }

  delete(): Promise<void> {
    return this.provider.delete({ ...this.#call, id: this.id, inputs: this.inputs, outputs: this.outputs, timeoutSeconds: 0 });
  }
}

export function aTempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "claw-provider-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
