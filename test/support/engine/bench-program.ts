import * as pulumi from "@pulumi/pulumi";
import type { ResourceState } from "../../../adapters/engine/contract/checkpoint.ts";
import type {
  CreateRequest,
  DiffRequest,
  DiffResult,
  ReadRequest,
  ResourceProvider,
  UpdateRequest,
} from "../../../adapters/engine/contract/provider.ts";
import type { StoredResource } from "../../../adapters/engine/contract/store.ts";
import type { PropertyMap } from "../../../adapters/engine/contract/values.ts";

/** An instance of the bench: a component with five resources. */
const parts = ["namespace", "config", "storage", "service", "workload"] as const;
export const resourcesPerInstance = parts.length + 1;

class Part extends pulumi.CustomResource {
  constructor(name: string, args: Readonly<Record<string, unknown>>, opts: pulumi.CustomResourceOptions) {
    super("bench:index:Part", name, args, opts);
  }
}
class Instance extends pulumi.ComponentResource {
  constructor(name: string, version: number) {
    super("bench:index:Instance", name, {});
    for (const part of parts) {
      new Part(`${name}-${part}`, { part, version, labels: { instance: name, managedBy: "bench" }, ports: [80, 443] }, { parent: this });
    }
    this.registerOutputs();
  }
}

/** The program of a whole stack, in which the instances of `changed` have another version. */
export function program(instances: Iterable<number>, changed: ReadonlyMap<number, number> = new Map()): () => Promise<void> {
  return async () => {
    for (const index of instances) {
      new Instance(`i${index}`, changed.get(index) ?? 1);
    }
  };
}

export function instanceUrns(project: string, stack: string, index: number): string[] {
  const head = `urn:pulumi:${stack}::${project}::bench:index:Instance`;
  return [`${head}::i${index}`, ...parts.map((part) => `${head}$bench:index:Part::i${index}-${part}`)];
}

/** The states of a one-instance stack, multiplied: how a stack of thousands is there without making it. */
export function multiply(states: readonly ResourceState[], instances: number): StoredResource[] {
  const isInstance = (state: ResourceState) => state.urn.includes("bench:index:Instance");
  const copies = Array.from({ length: instances }, (_, index) =>
    states.filter(isInstance).map((state) => JSON.parse(JSON.stringify(state).replaceAll("i0", `i${index}`)) as ResourceState),
  );
  return [...states.filter((state) => !isInstance(state)), ...copies.flat()].map((state, order) => ({ key: state.urn, order, state }));
}

/** A provider that answers at once and remembers nothing: what is measured is the engine. */
export class InstantProvider implements ResourceProvider {
  readonly packageName = "bench";
  readonly version = "1.0.0";
  readonly acceptsSecrets = true;
  readonly supportsPreview = true;
  async configure(): Promise<void> {}
  async check({ news }: { news: PropertyMap }) {
    return { inputs: news, failures: [] };
  }
  async diff({ oldInputs, news }: DiffRequest): Promise<DiffResult> {
    const diffs = Object.keys(news).filter((key) => JSON.stringify(oldInputs[key]) !== JSON.stringify(news[key]));
    return diffs.length === 0 ? { changes: "none" } : { changes: "some", diffs };
  }
  async create({ name, inputs }: CreateRequest) {
    return { id: `id-${name}`, outputs: inputs };
  }
  async read({ id, inputs, outputs }: ReadRequest) {
    return { id, inputs, outputs };
  }
  async update({ news }: UpdateRequest) {
    return { outputs: news };
  }
  async delete(): Promise<void> {}
}
