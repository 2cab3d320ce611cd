import type * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";

/** One resource of a generated program. */
export interface Node {
  /** What it is, whatever it is called: each node registers with an alias of its other name and of its other type. */
  readonly tag: string;
  readonly renamed: boolean;
  readonly type: "Thing" | "Plain" | "Vague";
  readonly value: number;
  readonly isSecret: boolean;
  readonly replaceKey: number;
  readonly dbrKey: number;
  /** Earlier nodes, by number, and how they are used; those that are not there are not used. */
  readonly uses: readonly { index: number; how: Use }[];
  readonly inGroup: boolean;
  /** The program's own provider rather than the default one, or that of its group. */
  readonly ownProvider: boolean;
  readonly options: {
    readonly deleteBeforeReplace?: boolean;
    readonly ignoreChanges?: string[];
    readonly replaceOnChanges?: string[];
    readonly additionalSecretOutputs?: string[];
    readonly replacementTrigger?: number;
    readonly protect?: boolean;
    readonly retainOnDelete?: boolean;
  };
}
type Use = (typeof uses)[number];
const uses = ["value", "value", "replace", "dependsOn", "parent", "deletedWith", "replaceWith"] as const;

export interface Graph {
  readonly nodes: readonly Node[];
  readonly groupRenamed: boolean;
  /** The configuration of the program's own provider: `replace…` replaces it. */
  readonly provider: { readonly region: number; readonly replaceKey: number };
}

const NODES_MAX = 6;
const rarely = { nil: undefined, freq: 3 };
const bit = fc.nat(1);
/** Options that keep what the program no longer wants. */
const keepingOptions = {
  protect: fc.option(fc.boolean(), { nil: undefined, freq: 1 }),
  retainOnDelete: fc.option(fc.boolean(), { nil: undefined, freq: 1 }),
};
const changingOptions = {
  deleteBeforeReplace: fc.option(fc.boolean(), { nil: undefined, freq: 2 }),
  ignoreChanges: fc.option(fc.constantFrom(["value"], ["replaceKey"], ["*"]), { nil: undefined, freq: 1 }),
  replaceOnChanges: fc.option(fc.constantFrom(["value"], ["*"]), { nil: undefined, freq: 1 }),
  additionalSecretOutputs: fc.option(fc.constant(["revision"]), { nil: undefined, freq: 1 }),
  replacementTrigger: fc.option(bit, { nil: undefined, freq: 1 }),
};
const anyNode = (index: number, options: fc.Arbitrary<Node["options"]>): fc.Arbitrary<Node> =>
  fc.record({
    tag: fc.constant(`n${index}`),
    renamed: fc.option(fc.constant(true), { nil: false, freq: 3 }).map((renamed) => renamed === true),
    type: fc.constantFrom("Thing" as const, "Thing" as const, "Plain" as const, "Vague" as const),
    value: bit,
    isSecret: fc.boolean(),
    replaceKey: bit,
    dbrKey: bit,
    uses: fc
      .array(fc.record({ index: fc.nat(NODES_MAX), how: fc.constantFrom(...uses) }), { maxLength: 2 })
      .map((all) => (index === 0 ? [] : all.map((use) => ({ ...use, index: use.index % index })))),
    inGroup: fc.boolean(),
    ownProvider: fc.boolean(),
    options,
  });

/** Some of up to six nodes; a node's tag stays while everything else about it may change from one graph to the next. */
export function anyGraph({ mayKeep }: { mayKeep: boolean }): fc.Arbitrary<Graph> {
  const options = fc
    .record({ ...changingOptions, ...(mayKeep && keepingOptions) })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Node["options"]);
  return fc.record({
    nodes: fc
      .tuple(...Array.from({ length: NODES_MAX }, (_, index) => fc.option(anyNode(index, options), rarely)))
      .map((nodes) => nodes.filter((node) => node !== undefined)),
    groupRenamed: fc.boolean(),
    provider: fc.record({ region: bit, replaceKey: fc.constantFrom(0, 0, 0, 1) }),
  });
}

/** The names that a node has had and may have again. */
export function namesOf(tag: string): [usual: string, other: string] {
  return [tag, `${tag}x`];
}

type Inputs = Record<string, pulumi.Input<unknown>>;

interface Making {
  readonly group: (name: string, options: pulumi.ComponentResourceOptions) => pulumi.ComponentResource;
  readonly provider: (name: string, inputs: Inputs) => pulumi.ProviderResource;
  readonly thing: (type: Node["type"], name: string, inputs: Inputs, options: pulumi.CustomResourceOptions) => pulumi.CustomResource;
  readonly secret: (value: unknown) => pulumi.Input<unknown>;
}

/**
 * The program that registers a graph, with `inOrder` one node after the other. A resource that goes with a host has the host's ID in
 * `host`.
 */
export function programOf(graph: Graph, make: Making, inOrder = false): () => Promise<void> {
  return async () => {
    const own = make.provider("own", { ...graph.provider });
    const [groupName, formerName] = graph.groupRenamed ? ["crew", "group"] : ["group", "crew"];
    const group = make.group(groupName, { aliases: [{ name: formerName }], providers: [own] });
    const made = new Map<string, pulumi.CustomResource>();
    const hosts = new Map<pulumi.Resource, pulumi.CustomResource>();
    for (const node of graph.nodes) {
      const value = node.isSecret ? make.secret(node.value) : node.value;
      const inputs: Inputs = { tag: node.tag, value, replaceKey: node.replaceKey, dbrKey: node.dbrKey };
      const previous = [...made.values()].at(-1);
      const dependsOn: pulumi.Resource[] = inOrder && previous ? [previous] : [];
      const replaceWith: pulumi.Resource[] = [];
      let parent: pulumi.Resource | undefined = node.inGroup ? group : undefined;
      let host: pulumi.CustomResource | undefined;
      for (const [position, { index, how }] of node.uses.entries()) {
        const used = made.get(`n${index}`);
        if (!used) {
          continue;
        }
        if (how === "value") {
          inputs[`use${position}`] = used.id;
        } else if (how === "replace") {
          inputs[`replaceUse${position}`] = used.id;
        } else if (how === "dependsOn") {
          dependsOn.push(used);
        } else if (how === "parent" && !node.inGroup) {
          parent = used;
        } else if (how === "deletedWith") {
          host = used;
        } else if (how === "replaceWith") {
          replaceWith.push(used);
        }
      }
      // Children go with their parents' hosts.
      const effective = host ?? (parent && hosts.get(parent));
      if (effective) {
        inputs["host"] = effective.id;
      }
      const names = namesOf(node.tag);
      const thing = make.thing(node.type, names[node.renamed ? 1 : 0], inputs, {
        ...node.options,
        dependsOn,
        replaceWith,
        aliases: names.flatMap((name) => ["Thing", "Plain", "Vague"].map((type) => ({ name, type: `testing:index:${type}` }))),
        ...(parent && { parent }),
        ...(host && { deletedWith: host }),
        ...(node.ownProvider && { provider: own }),
      } as pulumi.CustomResourceOptions);
      if (effective) {
        hosts.set(thing, effective);
      }
      made.set(node.tag, thing);
    }
  };
}

/** `n0x:Plain(1.0.1 s g own r0 protect)`: name, type, value, replaceKey and dbrKey, and what else is special about it. */
export function shownGraph({ nodes, groupRenamed, provider }: Graph): string {
  const shown = nodes.map((node) => {
    const { tag, renamed, type, value, replaceKey, dbrKey, isSecret, inGroup } = node;
    const marks = [
      ...(isSecret ? ["s"] : []),
      ...(inGroup ? ["g"] : []),
      ...(node.ownProvider ? ["own"] : []),
      ...node.uses.map(({ index, how }) => `${how}:${index}`),
      ...Object.entries(node.options).map(([name, option]) => `${name}=${option}`),
    ];
    return `${namesOf(tag)[renamed ? 1 : 0]}:${type}(${[`${value}.${replaceKey}.${dbrKey}`, ...marks].join(" ")})`;
  });
  return `${groupRenamed ? "crew" : "group"} own(${provider.region}.${provider.replaceKey}) ${shown.join(" ") || "nothing"}`;
}
