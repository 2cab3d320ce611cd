import type { ResourceState } from "../contract/checkpoint.ts";
import { makeReference, makeUrn, packageOf, ROOT_STACK_TYPE } from "../contract/urn.ts";
import type { ResourceImport } from "../operation.ts";
import { defaultProviderGoal } from "./default-providers.ts";
import type { Execution } from "./execution.ts";
import type { StepExecutor } from "./step-executor.ts";
import type { StepGenerator } from "./step-generator.ts";
import type { Step } from "./steps.ts";

/** `pulumi import`: reads resources that exist into the stack, without a program. */
export async function importResources(execution: Execution, generator: StepGenerator, executor: StepExecutor): Promise<void> {
  const { request, base } = execution;
  for (const old of base.list()) {
    if (!old.delete) {
      await executor.runChain([{ op: "same", urn: old.urn, old, new: { ...old } }]);
    }
  }
  const root = await ensureRoot(execution, executor);
  const providers = new Map<string, string>();
  const steps: Step[] = [];
  const seen = new Set<string>();
  for (const wanted of request.options.imports) {
    const parent = wanted.parent ?? root;
    const urn = makeUrn(request.ref.stack, request.ref.project, parent, wanted.type, wanted.name);
    if (seen.has(urn)) {
      throw new Error(`duplicate import '${wanted.name}' of type '${wanted.type}'`);
    }
    seen.add(urn);
    const existing = base.find(urn);
    if (existing && (existing.importID || existing.id || "") === wanted.id) {
      continue;
    }
    const now: ResourceState = { urn, custom: !wanted.component, type: wanted.type, inputs: {}, parent };
    if (wanted.protect) {
      now.protect = true;
    }
    if (!wanted.component) {
      now.importID = wanted.id;
      now.provider = await providerFor(wanted, execution, generator, providers);
    }
    steps.push({ op: "import", urn, old: undefined, new: now, planned: true });
  }
  // Parents come first: those whose parent is imported too wait for it.
  let waiting = steps;
  while (waiting.length > 0 && !execution.stopped) {
    const urns = new Set(waiting.map((step) => step.urn));
    const ready = waiting.filter((step) => !urns.has(step.new?.parent ?? ""));
    if (ready.length === 0) {
      throw new Error("imports have each other as parents");
    }
    await executor.runParallel(ready);
    waiting = waiting.filter((step) => !ready.includes(step));
  }
}

async function ensureRoot(execution: Execution, executor: StepExecutor): Promise<string> {
  const { base, request } = execution;
  const existing = base.list().find((state) => state.type === ROOT_STACK_TYPE && !state.parent);
  if (existing) {
    return existing.urn;
  }
  const { project, stack } = request.ref;
  const urn = makeUrn(stack, project, undefined, ROOT_STACK_TYPE, `${project}-${stack}`);
  const now: ResourceState = { urn, custom: false, type: ROOT_STACK_TYPE };
  await executor.runChain([{ op: "create", urn, old: undefined, new: now }]);
  await executor.registerOutputs(urn, {});
  return urn;
}

async function providerFor(
  wanted: ResourceImport,
  execution: Execution,
  generator: StepGenerator,
  known: Map<string, string>,
): Promise<string> {
  const { base, request } = execution;
  if (wanted.provider) {
    const provider = base.find(wanted.provider);
    if (!provider) {
      throw new Error(`unknown provider '${wanted.provider}' for import '${wanted.name}'`);
    }
    return makeReference(provider.urn, provider.id ?? "");
  }
  const packageName = packageOf(wanted.type);
  const { version, pluginDownloadUrl } = wanted;
  const goal = defaultProviderGoal(request.config, { packageName, version, pluginDownloadUrl });
  const urn = makeUrn(request.ref.stack, request.ref.project, undefined, goal.type, goal.name);
  let reference = known.get(urn);
  if (!reference) {
    const old = base.find(urn);
    const { state } = old ? { state: old } : await generator.register(goal);
    reference = makeReference(state.urn, state.id ?? "");
    known.set(urn, reference);
  }
  return reference;
}
