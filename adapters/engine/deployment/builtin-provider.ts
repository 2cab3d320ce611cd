import { randomUUID } from "node:crypto";
import type { ResourceState } from "../contract/checkpoint.ts";
import type { ResourceProvider } from "../contract/provider.ts";
import type { StackRef, StackStore } from "../contract/store.ts";
import { makeUrn, ROOT_STACK_TYPE } from "../contract/urn.ts";
import { hasSecrets, type PropertyMap } from "../contract/values.ts";
import type { OperationRequest, SecretsManager } from "../operation.ts";
import type { Events } from "./events.ts";
import { decryptState, deepEqual } from "./properties.ts";

const STACK_REFERENCE_TYPE = "pulumi:pulumi:StackReference";
const STASH_TYPE = "pulumi:index:Stash";

/** The package `pulumi` itself: stack references, stashes and the functions of Pulumi's own runtime. */
export function builtinProvider(context: {
  store: StackStore;
  ref: StackRef;
  secrets: SecretsManager;
  secretsOf: OperationRequest["secretsOf"];
  events: Events;
  findResource: (urn: string) => ResourceState | undefined;
}): ResourceProvider {
  const { store, events } = context;

  const openStack = async (name: string): Promise<{ ref: StackRef; secrets: SecretsManager }> => {
    const ref = parseStackName(name, context.ref);
    const stack = await store.findStack(ref);
    if (!stack) {
      throw new Error(`unknown stack "${name}"`);
    }
    const isOwn = ref.project === context.ref.project && ref.stack === context.ref.stack;
    return { ref, secrets: (!isOwn && (await context.secretsOf?.(stack))) || context.secrets };
  };
  const readOutputs = (name: string, stored: ResourceState, secrets: SecretsManager): PropertyMap => {
    try {
      return decryptState(stored, secrets).outputs ?? {};
    } catch {
      events.diagnostic("info", `eliding undecryptable secrets for stack reference '${name}'`);
      return Object.fromEntries(Object.entries(stored.outputs ?? {}).filter(([, value]) => !hasSecrets(value)));
    }
  };
  const readStack = async (name: string): Promise<PropertyMap> => {
    const { ref, secrets } = await openStack(name);
    const root = makeUrn(ref.stack, ref.project, undefined, ROOT_STACK_TYPE, `${ref.project}-${ref.stack}`);
    const { resources } = await store.loadResources(ref, [root]);
    const stored = resources.find((resource) => resource.state.urn === root)?.state;
    return stored ? readOutputs(name, stored, secrets) : {};
  };
  const stackOutputs = async (inputs: PropertyMap): Promise<PropertyMap> => {
    const name = inputs["name"];
    if (typeof name !== "string") {
      throw new Error("missing required property 'name'");
    }
    const outputs = await readStack(name);
    const secretOutputNames = Object.keys(outputs)
      .filter((key) => hasSecrets(outputs[key]))
      .sort();
    return { name, outputs, secretOutputNames };
  };
  const stackResources = async (inputs: PropertyMap): Promise<PropertyMap> => {
    const name = inputs["stackName"];
    if (typeof name !== "string") {
      throw new Error("missing required property 'stackName'");
    }
    const { ref, secrets } = await openStack(name);
    const { resources } = await store.loadResources(ref);
    const outputs: PropertyMap = {};
    for (const { state } of resources) {
      if (!state.delete) {
        outputs[state.urn] = { type: state.type, outputs: readOutputs(name, state, secrets) };
      }
    }
    return { name, outputs };
  };

  return {
    packageName: "pulumi",
    version: "",
    acceptsSecrets: true,
    supportsPreview: true,
    // Nothing of it has a name of its own.
    supportsNaming: true,
    configure: async () => {},
    check: async ({ type, news }) => {
      const property = type === STACK_REFERENCE_TYPE ? "name" : type === STASH_TYPE ? "input" : undefined;
      if (!property) {
        throw new Error(`unrecognized resource type '${type}'`);
      }
      const unknownKey = Object.keys(news).find((key) => key !== property);
      if (unknownKey) {
        return { inputs: {}, failures: [{ property: unknownKey, reason: `unknown property "${unknownKey}"` }] };
      }
      if (!(property in news)) {
        return { inputs: {}, failures: [{ property, reason: `missing required property "${property}"` }] };
      }
      return { inputs: news, failures: [] };
    },
    diff: async ({ type, oldInputs, news }) => {
      const property = type === STACK_REFERENCE_TYPE ? "name" : "input";
      if (deepEqual(oldInputs[property], news[property])) {
        return { changes: "none" };
      }
      return { changes: "some", diffs: [property], ...(type === STACK_REFERENCE_TYPE && { replaces: [property] }) };
    },
    create: async ({ type, inputs, preview }) => {
      const outputs =
        type === STACK_REFERENCE_TYPE ? await stackOutputs(inputs) : { input: inputs["input"] ?? null, output: inputs["input"] ?? null };
      return { id: preview ? "" : randomUUID(), outputs };
    },
    update: async ({ news, oldOutputs }) => ({
      outputs: { input: news["input"] ?? null, output: oldOutputs["output"] ?? null },
    }),
    delete: async () => {},
    read: async ({ type, id, inputs, outputs }) => {
      if (type !== STACK_REFERENCE_TYPE) {
        return { id, inputs, outputs };
      }
      if (!("name" in inputs)) {
        throw new Error("stack reference can not be imported");
      }
      return { id, inputs, outputs: await stackOutputs(inputs) };
    },
    invoke: async (token, args) => {
      switch (token) {
        case "pulumi:pulumi:readStackOutputs":
          return { outputs: await stackOutputs(args), failures: [] };
        case "pulumi:pulumi:readStackResourceOutputs":
          return { outputs: await stackResources(args), failures: [] };
        case "pulumi:pulumi:getResource": {
          const urn = String(args["urn"]);
          const state = context.findResource(urn);
          if (!state) {
            throw new Error(`unknown resource ${urn}`);
          }
          const { id = "", provider = "", outputs = {} } = state;
          return { outputs: { urn, id, provider, state: outputs }, failures: [] };
        }
        default:
          throw new Error(`unrecognized function name: '${token}'`);
      }
    },
  };
}

/** `stack`, `project/stack` or `organization/project/stack`. */
function parseStackName(name: string, current: StackRef): StackRef {
  const parts = name.split("/");
  const stack = parts.at(-1) ?? name;
  const project = parts.length >= 2 ? (parts.at(-2) ?? current.project) : current.project;
  return { project: parts.length === 2 && project === "organization" ? current.project : project, stack };
}
