import {
  ConcurrentUpdateError,
  type EngineEvent,
  type PulumiFn,
  type RefreshOptions,
  type Stack,
} from "@pulumi/pulumi/automation/index.js";
import type { PropertyDiff, ResourceChange, StackIdentity, StackSpec } from "../../sdk/contract/index.ts";
import { ClawError } from "../../sdk/contract/index.ts";
import type { OnProgress, StackFailure, StackOperation, StackResult } from "../../service/application/ports/stacks/stack-operations.ts";
import { valueAt } from "../engine/contract/property-path.ts";
import { parseUrn } from "../engine/contract/urn.ts";
import { type PropertyMap, SIGNATURE_KEY } from "../engine/contract/values.ts";
import { settleInterrupted } from "./interrupted.ts";
import { openStack, type StackAccess, type TakenEvents } from "./open-stack.ts";
import { createProgress, OPS } from "./progress.ts";
import type { OperationKind } from "./worker-messages.ts";

export interface RunnerOptions extends StackAccess {
  readonly program: (spec: StackSpec) => PulumiFn;
  readonly stackName: (stack: StackIdentity) => string;
  /** URNs of what all instances of a stack rest on: they are targeted with each. */
  readonly sharedUrns: (stack: StackIdentity) => ResourceUrns;
  /** URNs of one instance's resources. */
  readonly instanceUrns: (spec: StackSpec, instance: { readonly name: string }) => ResourceUrns;
  /** Those of the URNs that the stack has. */
  readonly existing: (operation: StackOperation, stack: Stack, urns: readonly string[]) => Promise<readonly string[]>;
}

/** URNs of what the program declares, and of what it does not but the stack may have. */
interface ResourceUrns {
  readonly declared: readonly string[];
  readonly undeclared: readonly string[];
}

export const PARALLEL = 8;

/** Runs one stack operation through the official Automation API. @throws {ClawError} `stack.locked`, `engine.failed` */
export async function runStackOperation(
  kind: Exclude<OperationKind, "scan">,
  operation: StackOperation,
  options: RunnerOptions,
  onProgress?: OnProgress,
): Promise<StackResult> {
  const collector = createCollector(operation, options, onProgress);
  const name = options.stackName(operation.spec);
  const tenantStack = { tenantId: operation.tenantId, stack: name };
  const command = await options.commandFor(tenantStack, collector.taken);
  const { stack, created } = await openStack(tenantStack, options.program(operation.spec), options, command);
  const common = { onEvent: collector.onEvent, parallel: PARALLEL, color: "never" as const };
  try {
    if (kind !== "preview") {
      await settleInterrupted(tenantStack, options);
    }
    if (kind === "up" && operation.refresh) {
      await refreshFirst(operation, stack, options, common);
    }
    const targets = await targetsOf(kind, operation, stack, options);
    const targeted = targets === undefined ? {} : { target: [...targets] };
    if (targets?.length === 0) {
      return { changes: [], failures: [] };
    }
    switch (kind) {
      case "preview":
        await stack.preview({ ...common, ...targeted });
        break;
      case "up":
        await stack.up({ ...common, ...targeted, continueOnError: true });
        break;
      case "refresh":
        await stack.refresh({ ...common, ...targeted });
        break;
      case "destroy":
        await stack.destroy({ ...common, ...targeted, continueOnError: true });
        break;
    }
  } catch (error) {
    if (error instanceof ClawError) {
      throw error;
    }
    if (error instanceof ConcurrentUpdateError) {
      throw new ClawError("stack.locked", `another operation is running on stack '${name}'; try again soon`);
    }
    // The command's error holds whole outputs: it is logged by the worker, and only what resources said goes further.
    if (collector.failures.length === 0) {
      throw new ClawError("engine.failed", `the ${kind} of stack '${name}' failed: ${collector.lastError ?? "see the service's log"}`, {
        cause: error,
      });
    }
  } finally {
    collector.flush();
    if (kind === "preview" && created) {
      // Somebody may have begun to use it meanwhile: then it stays.
      await stack.workspace.removeStack(name).catch(() => undefined);
    }
  }
  return { changes: collector.changes(), failures: collector.failures };
}

/** Reads what there is of what may be touched. `--refresh` would have every target be there already, and still be there when it was read. */
async function refreshFirst(operation: StackOperation, stack: Stack, options: RunnerOptions, common: RefreshOptions): Promise<void> {
  const { spec, instances } = operation;
  if (instances === undefined) {
    await stack.refresh(common);
    return;
  }
  const urns = [options.sharedUrns(spec), ...instances.map((instance) => options.instanceUrns(spec, instance))];
  const known = urns.flatMap(({ declared, undeclared }) => [...declared, ...undeclared]);
  const target = await options.existing(operation, stack, known);
  if (target.length > 0) {
    await stack.refresh({ ...common, target: [...target] });
  }
}

/** What may be touched: all that is declared of the instances, what there is besides, and what they rest on. */
async function targetsOf(
  kind: OperationKind,
  operation: StackOperation,
  stack: Stack,
  options: RunnerOptions,
): Promise<readonly string[] | undefined> {
  const { spec, instances } = operation;
  if (instances === undefined) {
    return undefined;
  }
  const own = await present(
    operation,
    stack,
    options,
    instances.map((instance) => options.instanceUrns(spec, instance)),
  );
  // Without any instance it is about what they rest on alone; nothing is to be seen to for those that were never there.
  const isIdle = (own.length === 0 && instances.length > 0) || kind === "destroy";
  return isIdle ? own : [...(await present(operation, stack, options, [options.sharedUrns(spec)])), ...own];
}

/** All that is declared, and of the rest what there is. */
async function present(
  operation: StackOperation,
  stack: Stack,
  options: RunnerOptions,
  urns: readonly ResourceUrns[],
): Promise<readonly string[]> {
  const undeclared = urns.flatMap((group) => group.undeclared);
  const leftOver = undeclared.length > 0 ? await options.existing(operation, stack, undeclared) : [];
  return [...urns.flatMap(({ declared }) => declared), ...leftOver];
}

/** Collects what an operation's events say of its resources. */
export function createCollector(operation: StackOperation, options: RunnerOptions, onProgress?: OnProgress) {
  const owners = new Map<string, string>();
  const expected: string[] = [];
  for (const instance of operation.instances ?? []) {
    const { declared, undeclared } = options.instanceUrns(operation.spec, instance);
    for (const urn of [...declared, ...undeclared]) {
      owners.set(urn, instance.name);
    }
    expected.push(...declared);
  }
  const progress = onProgress && createProgress(owners, expected, onProgress);
  const changes = new Map<string, ResourceChange>();
  const failures: StackFailure[] = [];
  let lastError: string | undefined;
  const ownerOf = (urn: string) => {
    const instance = owners.get(urn);
    return instance === undefined ? {} : { instance };
  };
  const collect = (event: EngineEvent) => {
    // What a refresh found is known only when it has read.
    const metadata = event.resourcePreEvent?.metadata ?? event.resOutputsEvent?.metadata;
    const op = metadata && OPS[metadata.op];
    if (metadata && op && !metadata.type.startsWith("pulumi:")) {
      changes.set(metadata.urn, {
        urn: metadata.urn,
        type: metadata.type,
        name: parseUrn(metadata.urn).name,
        ...ownerOf(metadata.urn),
        op,
        diffs: diffsOf(metadata),
      });
    }
    const diagnostic = event.diagnosticEvent;
    if (diagnostic?.severity === "error") {
      lastError = plainText(diagnostic.message);
      if (diagnostic.urn) {
        const { reason, message } = splitReason(lastError);
        failures.push({ urn: diagnostic.urn, message, ...(reason && { reason }), ...ownerOf(diagnostic.urn) });
      }
    }
  };
  const onEvent = (event: EngineEvent) => {
    progress?.onEvent(event);
    collect(event);
  };
  /**
   * Takes what the collector reads from the engine itself: the stream would have it as text, twice for each resource. A refresh says only with
   * its outputs what it found; everything else is told when a step begins.
   */
  const taken: TakenEvents = (event, kind) => {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent } = event;
    if (!resourcePreEvent && !resOutputsEvent && !resOpFailedEvent && !diagnosticEvent) {
      return event;
    }
    progress?.onEvent(event as unknown as EngineEvent);
    if (!resOutputsEvent || kind === "refresh") {
      collect(event as unknown as EngineEvent);
    }
    return undefined;
  };
  return {
    onEvent,
    /** Tells what there is to tell of the progress. */
    flush: () => progress?.flush(),
    taken,
    ownerOf,
    failures,
    get lastError() {
      return lastError;
    },
    changes: () => [...changes.values()],
  };
}

/** Diagnostics carry colour marks: `<{%reset%}>`. */
function plainText(message: string): string {
  return message.replaceAll(/<\{%[^%]*%\}>/g, "").trim();
}

/** Providers put a CamelCase reason before the message: `VersionNotFound: there is no …`. */
function splitReason(text: string): { reason?: string; message: string } {
  const match = /(?:^|\s)([A-Z][a-z]+(?:[A-Z][a-z]+)*): (.*)$/s.exec(text);
  return match?.[1] && match[2] ? { reason: match[1], message: match[2] } : { message: text };
}

type StepMetadata = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];

const KINDS: Readonly<Record<string, PropertyDiff["kind"]>> = { add: "add", delete: "delete", update: "update" };

function diffsOf(metadata: StepMetadata): PropertyDiff[] {
  const before = metadata.old?.inputs ?? {};
  const after = metadata.new?.inputs ?? {};
  return Object.entries(metadata.detailedDiff ?? {}).map(([path, { diffKind }]) => {
    const text = String(diffKind);
    const kind = KINDS[text.replace("-replace", "")] ?? "update";
    const shown = (inputs: Record<string, unknown>) => showValue(valueAt(inputs as PropertyMap, path));
    return {
      path,
      kind,
      ...(kind !== "add" && { before: shown(before) }),
      ...(kind !== "delete" && { after: shown(after) }),
      ...(text.endsWith("-replace") && { replaces: true }),
    };
  });
}

/** JSON text of a value; the engine masked secrets already, they only lose their envelope. */
function showValue(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) =>
      typeof item === "object" && item !== null && SIGNATURE_KEY in item ? "[secret]" : item,
    ) ?? ""
  );
}
