import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { ClawError } from "../../sdk/contract/index.ts";
import type { Deviation } from "../../service/application/ports/clusters/clusters.ts";
import type { ScannedResource, StackOperation, StackScan } from "../../service/application/ports/stacks/stack-operations.ts";
import type { PropertyMap } from "../engine/contract/values.ts";
import { openStack } from "./open-stack.ts";
import { createCollector, PARALLEL, type RunnerOptions } from "./stack-runner.ts";

/** Inputs and outputs of a resource, secrets masked: as the stack holds them, and as they were read; undefined when it is gone. */
export interface ReadResource {
  readonly type: string;
  readonly held: { readonly inputs: PropertyMap; readonly outputs: PropertyMap };
  readonly found: { readonly inputs: PropertyMap; readonly outputs: PropertyMap } | undefined;
}

export interface ScanOptions extends RunnerOptions {
  /** What of a difference is somebody's doing; undefined when nothing is. */
  readonly deviationOf: (read: ReadResource) => Deviation | undefined;
}

type Scan = StackOperation & Required<Pick<StackOperation, "instances">>;
type StepMetadata = NonNullable<EngineEvent["resOutputsEvent"]>["metadata"];

/** Reads resources by the engine's previewed refresh, which takes no lease. @throws {ClawError} `engine.failed` */
export async function scanStack(operation: Scan, options: ScanOptions): Promise<StackScan> {
  const name = options.stackName(operation.spec);
  const { stack, created } = await openStack({ tenantId: operation.tenantId, stack: name }, async () => {}, options);
  const collector = createCollector(operation, options);
  const resources = new Map<string, ScannedResource>();
  const onEvent = (event: EngineEvent) => {
    collector.onEvent(event);
    const metadata = event.resOutputsEvent?.metadata;
    if (metadata?.old?.custom && !metadata.type.startsWith("pulumi:")) {
      const deviation = options.deviationOf(readOf(metadata));
      resources.set(metadata.urn, {
        urn: metadata.urn,
        type: metadata.type,
        id: metadata.old.id,
        ...collector.ownerOf(metadata.urn),
        ...(deviation && { deviation }),
      });
    }
  };
  try {
    const own = await targetsOf(
      operation.instances.map((instance) => options.instanceUrns(operation.spec, instance)),
      operation,
      stack,
      options,
    );
    if (own.length > 0) {
      const shared = await targetsOf([options.sharedUrns(operation.spec)], operation, stack, options);
      await stack.previewRefresh({ onEvent, parallel: PARALLEL, color: "never", target: [...shared, ...own] });
    }
  } catch (error) {
    if (collector.failures.length === 0) {
      throw new ClawError("engine.failed", `stack '${name}' could not be read: ${collector.lastError ?? "see the service's log"}`, {
        cause: error,
      });
    }
  } finally {
    if (created) {
      await stack.workspace.removeStack(name).catch(() => undefined);
    }
  }
  return { resources: [...resources.values()], failures: collector.failures };
}

/** Those that the stack has: a refresh takes no others. */
async function targetsOf(
  urns: readonly ReturnType<RunnerOptions["sharedUrns"]>[],
  operation: Scan,
  stack: Parameters<RunnerOptions["existing"]>[1],
  options: ScanOptions,
): Promise<readonly string[]> {
  const known = urns.flatMap(({ declared, undeclared }) => [...declared, ...undeclared]);
  return known.length === 0 ? [] : options.existing(operation, stack, known);
}

function readOf({ type, op, old, new: now }: StepMetadata): ReadResource {
  const valuesOf = (state: typeof now) => ({
    inputs: (state?.inputs ?? {}) as PropertyMap,
    outputs: (state?.outputs ?? {}) as PropertyMap,
  });
  return { type, held: valuesOf(old), found: op === "delete" ? undefined : valuesOf(now) };
}
