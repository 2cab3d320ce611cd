import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { LocalWorkspace, type PulumiCommand, type PulumiFn, type Stack, StackNotFoundError } from "@pulumi/pulumi/automation/index.js";
import type { StackEngine } from "../../sdk/contract/index.ts";
import type { TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import { LEASE_TTL_SECONDS, withLease } from "../engine/contract/lease.ts";
import type { StackLease, StackStore } from "../engine/contract/store.ts";
import type { PropertyMap } from "../engine/contract/values.ts";

/** An event as an engine makes it, before it has a number. */
export type PlainEvent = Readonly<Record<string, unknown>>;

/** @returns the event, where it is to go on; undefined where it was taken */
export type TakenEvents = (event: PlainEvent, kind: string) => PlainEvent | undefined;

/** How a worker gets at tenants' stacks. */
export interface StackAccess {
  /**
   * The engine that keeps the stack: the embedded one, or the real CLI. Bound to the stack's tenant.
   * @param taken what an engine in this process gives its events to first; what it gives back goes the way of the CLI's
   */
  readonly commandFor: (stack: TenantStack, taken?: TakenEvents) => Promise<PulumiCommand>;
  readonly projectName: string;
  readonly workDir: string;
  readonly env: (stack: TenantStack) => Readonly<Record<string, string>>;
  readonly storeOf: (stack: TenantStack) => StackStore;
  /** The engine of that name, on a lease that is held already. */
  readonly engineFor: (stack: TenantStack, engine: StackEngine, lease: StackLease) => Promise<PulumiCommand>;
  /** Names this worker in leases. */
  readonly holder: string;
  /** The id that a creation with these inputs gives, where that is known before; its secrets are sealed. */
  readonly idOf: (type: string, inputs: PropertyMap) => string | undefined;
  readonly log: (message: string) => void;
}

/** Runs `work` while this worker holds the stack's lease. @param held the lease, where it does already */
export function withStackLease<T>(
  stack: TenantStack,
  access: StackAccess,
  held: StackLease | undefined,
  work: (lease: StackLease, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const settings = {
    store: access.storeOf(stack),
    holder: access.holder,
    leaseTtlSeconds: LEASE_TTL_SECONDS,
    running: new Map(),
    signal: new AbortController().signal,
    lease: held,
  };
  return withLease(settings, { project: access.projectName, stack: stack.stack }, work);
}

/** The tenant's stack as the Automation API knows it; it is made when there is none. */
export async function openStack(
  tenantStack: TenantStack,
  program: PulumiFn,
  access: StackAccess,
  command?: PulumiCommand,
): Promise<{ stack: Stack; created: boolean }> {
  // The CLI keeps the salt of a stack's passphrase beside its program: a tenant of the same name later has another passphrase.
  const workDir = join(access.workDir, tenantStack.tenantId);
  await mkdir(workDir, { recursive: true });
  const args = { stackName: tenantStack.stack, projectName: access.projectName, program };
  const workspace = {
    pulumiCommand: command ?? (await access.commandFor(tenantStack)),
    workDir,
    envVars: { ...access.env(tenantStack) },
  };
  try {
    return { stack: await LocalWorkspace.selectStack(args, workspace), created: false };
  } catch (error) {
    if (!(error instanceof StackNotFoundError)) {
      throw error;
    }
    return { stack: await LocalWorkspace.createStack(args, workspace), created: true };
  }
}
