import { createHash } from "node:crypto";
import type { Deployment, PendingOperation, ResourceState, SecretsProvider } from "../contract/checkpoint.ts";
import type { StoredResource } from "../contract/store.ts";
import { parseUrn } from "../contract/urn.ts";
import { type PropertyValue, RESOURCE_REFERENCE_SIGNATURE, SIGNATURE_KEY } from "../contract/values.ts";
import { mapReferences } from "../deployment/graph.ts";
import { verify } from "../deployment/snapshot-integrity.ts";
import { ENGINE_VERSION } from "../engine-version.ts";
import { mapStateValues } from "../secrets/secret-values.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

const supportedFeatures = ["hooks", "refreshBeforeUpdate", "taint", "replaceWith"] as const;

/** What `stack export` prints. */
export interface ExportedStack {
  readonly version: number;
  readonly features?: readonly string[];
  readonly deployment: Deployment;
}

export function exportCheckpoint(
  resources: readonly ResourceState[],
  pending: readonly PendingOperation[],
  secretsProvider: SecretsProvider | undefined,
): ExportedStack {
  const version = `v${ENGINE_VERSION}`;
  const features = featuresOf(resources);
  return {
    version: features.length > 0 ? 4 : 3,
    ...(features.length > 0 && { features }),
    deployment: {
      manifest: { time: new Date().toISOString(), magic: magicOf(version), version },
      ...(secretsProvider && { secrets_providers: secretsProvider }),
      ...(resources.length > 0 && { resources: resources.map(withoutEmptyFields) }),
      ...(pending.length > 0 && { pending_operations: [...pending] }),
      metadata: {},
    },
  };
}

/** Pulumi's own files leave out what is empty. */
function withoutEmptyFields(state: ResourceState): ResourceState {
  const isEmpty = (value: unknown) => typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(Object.entries(state).filter(([, value]) => !isEmpty(value))) as unknown as ResourceState;
}

function featuresOf(resources: readonly ResourceState[]): string[] {
  const uses: Readonly<Record<(typeof supportedFeatures)[number], (state: ResourceState) => unknown>> = {
    hooks: (state) => state.resourceHooks,
    refreshBeforeUpdate: (state) => state.refreshBeforeUpdate,
    taint: (state) => state.taint,
    replaceWith: (state) => state.replaceWith?.length,
  };
  return supportedFeatures.filter((feature) => resources.some(uses[feature]));
}

function magicOf(version: string): string {
  return createHash("sha256").update(version).digest("hex");
}

/** Reads a file that `stack export` wrote. @throws {CommandFailure} when it is of another form. */
export function parseExport(text: string): Deployment {
  const exported = JSON.parse(text) as Partial<ExportedStack>;
  if (exported.version !== 3 && exported.version !== 4) {
    const age = typeof exported.version === "number" && exported.version > 4 ? "version is too new" : "is too old";
    throw new CommandFailure(ExitCode.Failed, `this stack's deployment ${age}`);
  }
  const unknown = (exported.features ?? []).filter((feature) => !supportedFeatures.some((known) => known === feature));
  if (unknown.length > 0) {
    const list = unknown.join(", ");
    throw new CommandFailure(ExitCode.Failed, `this stack's deployment needs support for the following features: ${list}`);
  }
  if (!exported.deployment) {
    throw new CommandFailure(ExitCode.Failed, "the file holds no deployment");
  }
  for (const state of exported.deployment.resources ?? []) {
    const problem = formProblem(state);
    if (problem) {
      throw new CommandFailure(ExitCode.Failed, `could not deserialize deployment: ${problem}`);
    }
  }
  return exported.deployment;
}

function formProblem({ urn, type, custom, id }: ResourceState): string | undefined {
  if (!urn) {
    return "resource missing required 'urn' field";
  }
  if (!type) {
    return `resource '${urn}' missing required 'type' field`;
  }
  return !custom && id ? `resource '${urn}' has 'custom' false but non-empty ID` : undefined;
}

/** Empty for what is no URN: a file may hold anything. */
function stackNamedIn(urn: string): string {
  try {
    return parseUrn(urn).stack;
  } catch {
    return "";
  }
}

/** What makes a deployment dangerous to import, as the CLI words it. */
export function importProblems(deployment: Deployment, stack: string): string[] {
  const resources = deployment.resources ?? [];
  const foreign = resources.flatMap(({ urn }) => {
    const from = stackNamedIn(urn);
    return from === stack ? [] : [`resource '${urn}' is from a different stack (${from} != ${stack})`];
  });
  try {
    verify(resources.map((state, order) => ({ order, state })));
  } catch (error) {
    foreign.push(`state file contains errors: ${(error as Error).message}`);
  }
  const { magic, version } = deployment.manifest ?? {};
  if ((magic || version) && magic !== magicOf(version ?? "")) {
    foreign.push("state file contains errors: magic cookie mismatch; possible tampering/corruption detected");
  }
  return foreign;
}

/** Rows for a whole deployment: a state's key is its URN, unless an older state of the same URN has it already. */
export function toStored(states: readonly ResourceState[]): StoredResource[] {
  const used = new Map<string, number>();
  return states.map((state, order) => {
    const earlier = used.get(state.urn) ?? 0;
    used.set(state.urn, earlier + 1);
    return { key: earlier === 0 ? state.urn : `${state.urn}#${earlier}`, order, state };
  });
}

/** The state under the stack's new name: every URN in it that belongs to the old one is rewritten. */
export function renameState(state: ResourceState, from: { stack: string; project: string }, to: string): ResourceState {
  const old = `urn:pulumi:${from.stack}::${from.project}::`;
  const rootSuffix = `::pulumi:pulumi:Stack::${from.project}-${from.stack}`;
  const renameUrn = (urn: string): string => {
    if (!urn.startsWith(old)) {
      return urn;
    }
    const renamed = `urn:pulumi:${to}::${urn.slice(`urn:pulumi:${from.stack}::`.length)}`;
    return renamed.endsWith(rootSuffix) ? `${renamed.slice(0, -from.stack.length)}${to}` : renamed;
  };
  // In values only resource references are renamed: any other text that looks like a URN is the program's own.
  const renameValue = (value: PropertyValue): PropertyValue => {
    if (Array.isArray(value)) {
      return value.map(renameValue);
    }
    if (value === null || typeof value !== "object") {
      return value;
    }
    const entries = Object.entries(value).map(([key, item]) => [key, renameValue(item)] as const);
    const renamed = Object.fromEntries(entries);
    const { urn } = value;
    return value[SIGNATURE_KEY] === RESOURCE_REFERENCE_SIGNATURE && typeof urn === "string" ? { ...renamed, urn: renameUrn(urn) } : renamed;
  };
  const { aliases } = state;
  return mapStateValues(
    { ...mapReferences(state, renameUrn), urn: renameUrn(state.urn), ...(aliases && { aliases: aliases.map(renameUrn) }) },
    renameValue,
  );
}
