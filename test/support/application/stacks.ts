import { writeFile } from "node:fs/promises";
import { readExport } from "../../../adapters/automation/state-file.ts";
import {
  ClawError,
  type KubernetesTarget,
  type ResolvedInstance,
  type ResourceChange,
  type StackEngine,
  type StackExport,
  type StackSpec,
  type StackUpdate,
} from "../../../sdk/contract/index.ts";
import type { DeclaredResource, Deviation } from "../../../service/application/ports/clusters/clusters.ts";
import type {
  HeldResource,
  OnProgress,
  StackAdministration,
  StackFailure,
  StackOperation,
  StackOperations,
  StackResult,
  StackScan,
  TenantStack,
} from "../../../service/application/ports/stacks/stack-operations.ts";
import { diffValues } from "../../../service/domain/diff.ts";

/** A resource as a stack holds it. */
interface Declared {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Absent for what instances share. */
  readonly instance: string | undefined;
  readonly inputs: object;
}

/** One tenant's part of a cluster: what was applied, and what somebody changed of it behind the stack's back. */
interface Stack {
  readonly resources: Map<string, Declared>;
  readonly deviations: Map<string, Deviation>;
  readonly updates: StackUpdate[];
  /** Instances as they were last made. */
  readonly made: Map<string, ResolvedInstance>;
  engine: StackEngine;
  /** Somebody's operation is under way. */
  locked: boolean;
}

/** Told once an operation has made what it was to make. @param gone names of instances that left their stack */
export type OnApplied = (operation: StackOperation, made: readonly ResolvedInstance[], gone: readonly string[]) => Promise<void>;

/**
 * Stacks without engine, providers or processes: they remember what was applied, and answer previews and scans from that. What a resource's
 * inputs are is told roughly, but every part of a specification that an operation carries out is in one of them.
 */
export class PlayedStacks implements StackOperations, StackAdministration {
  readonly #stacks = new Map<string, Stack>();
  readonly #faults = new Map<string, Omit<StackFailure, "urn" | "instance">>();
  #meanwhile: () => Promise<unknown> = async () => {};
  readonly #onApplied: OnApplied;

  constructor(onApplied: OnApplied) {
    this.#onApplied = onApplied;
  }

  /** Has every operation on an instance fail, until it is mended. */
  fail(instance: string, fault: Omit<StackFailure, "urn" | "instance">): void {
    this.#faults.set(instance, fault);
  }

  mend(instance: string): void {
    this.#faults.delete(instance);
  }

  /** Somebody else's operation on a stack: until it is unlocked, no other one is run. */
  lock(stack: string): void {
    this.#stackOf(stack).locked = true;
  }

  /** Has something done while the next operation is under way. */
  meanwhile(work: () => Promise<unknown>): void {
    this.#meanwhile = work;
  }

  /** An instance as it was last made. */
  made(stack: string, instance: string): ResolvedInstance | undefined {
    return this.#known(stack).made.get(instance);
  }

  /** Somebody changes or deletes a resource of that kind: of an instance, or of what instances share. Undefined: undoes it. */
  deviate(stack: string, kind: string, deviation: Deviation | undefined, instance?: string): void {
    const { resources, deviations } = this.#known(stack);
    const found = [...resources.values()].find((item) => item.type.endsWith(`:${kind}`) && item.instance === instance);
    if (!found) {
      throw new Error(`the stack '${stack}' has no ${kind} of ${instance ?? "what instances share"}`);
    }
    if (deviation) {
      deviations.set(found.urn, deviation);
    } else {
      deviations.delete(found.urn);
    }
  }

  declared(stack: string): readonly DeclaredResource[] {
    return [...this.#known(stack).resources.values()].map(({ urn, type, name }) => ({ urn, type, id: `id-of-${name}` }));
  }

  async preview(operation: StackOperation): Promise<StackResult> {
    const stack = this.#stacks.get(nameOf(operation.spec));
    return { changes: changesOf(operation, stack?.resources ?? new Map()), failures: [] };
  }

  async up(operation: StackOperation, onProgress: OnProgress = () => {}): Promise<StackResult> {
    return this.#exclusively(operation, async (stack) => {
      const changes = changesOf(operation, stack.resources);
      const tell = (state: "running" | "done" | "failed", isTold: (change: ResourceChange) => boolean) =>
        onProgress(
          changes
            .filter(isTold)
            .flatMap(({ instance, type, name, op }) => (instance ? [{ instance, type, name, op, level: 1, state }] : [])),
        );
      tell("running", () => true);
      const isHere = ({ name }: { readonly name: string }) => operation.instances?.some((item) => item.name === name) ?? true;
      const failures = (operation.instances ?? operation.spec.instances).flatMap(({ name }): StackFailure[] => {
        const fault = this.#faults.get(name);
        return fault ? [{ ...fault, urn: urnOf(operation.spec, COMPONENT, name), instance: name }] : [];
      });
      const isFailed = (name: string | undefined) => failures.some(({ instance }) => instance !== undefined && instance === name);
      const declared = new Map(declaredOf(operation).map((resource) => [resource.urn, resource]));
      for (const { urn, op, instance } of changes) {
        const resource = declared.get(urn);
        if (op === "delete" && !isFailed(instance)) {
          stack.resources.delete(urn);
        } else if (resource && !isFailed(instance)) {
          stack.resources.set(urn, resource);
        }
        if (operation.refresh || op !== "same") {
          stack.deviations.delete(urn);
        }
      }
      const made = operation.spec.instances.filter((instance) => isHere(instance) && !isFailed(instance.name));
      const gone = (operation.instances ?? []).filter(
        ({ name }) => !isFailed(name) && operation.spec.instances.every((instance) => instance.name !== name),
      );
      for (const instance of made) {
        stack.made.set(instance.name, instance);
      }
      const meanwhile = this.#meanwhile;
      this.#meanwhile = async () => {};
      await meanwhile();
      tell("failed", ({ instance }) => isFailed(instance));
      tell("done", ({ instance }) => !isFailed(instance));
      await this.#onApplied(
        operation,
        made,
        gone.map(({ name }) => name),
      );
      stack.updates.unshift(updateOf(stack.updates.length + 1, changes, failures));
      return { changes: changes.filter(({ instance }) => !isFailed(instance)), failures };
    });
  }

  async refresh(operation: StackOperation): Promise<StackResult> {
    return this.#exclusively(operation, async () => ({ changes: [], failures: [] }));
  }

  async destroy(operation: StackOperation): Promise<StackResult> {
    return this.up({ ...operation, spec: { ...operation.spec, instances: [] } });
  }

  async scan({ spec, instances }: Parameters<StackOperations["scan"]>[0]): Promise<StackScan> {
    const { resources, deviations } = this.#stackOf(nameOf(spec));
    const wanted = new Set<string | undefined>([undefined, ...instances.map(({ name }) => name)]);
    const read = [...resources.values()].filter(({ instance }) => wanted.has(instance));
    return {
      resources: read.map(({ urn, type, name, instance }) => {
        const deviation = deviations.get(urn);
        return { urn, type, id: `id-of-${name}`, ...(instance !== undefined && { instance }), ...(deviation && { deviation }) };
      }),
      failures: [],
    };
  }

  async close(): Promise<void> {}

  async exportState({ stack }: TenantStack, _showSecrets: boolean, file: string): Promise<void> {
    const resources = [...this.#known(stack).resources.values()].map(({ urn, type, inputs }) => ({ urn, type, inputs }));
    const exported: StackExport = { version: 3, deployment: { resources } };
    await writeFile(file, JSON.stringify(exported), { mode: 0o600 });
  }

  async listHeld({ stack }: TenantStack): Promise<readonly HeldResource[]> {
    return [...this.#known(stack).resources.values()].map(({ type, name }) => ({ type, id: `id-of-${name}` }));
  }

  async importState({ stack }: TenantStack, file: string): Promise<{ readonly resources: number }> {
    const { deployment } = await readExport(file);
    const { resources } = this.#stackOf(stack);
    resources.clear();
    for (const { urn, type, ...rest } of deployment.resources ?? []) {
      const name = urn.split("::").at(-1) ?? "";
      resources.set(urn, { urn, type, name, instance: undefined, inputs: (rest["inputs"] ?? {}) as object });
    }
    return { resources: resources.size };
  }

  async forget({ stack }: TenantStack, instances: readonly string[]): Promise<void> {
    const { resources, made } = this.#stackOf(stack);
    for (const { urn, instance } of [...resources.values()]) {
      if (instance !== undefined && instances.includes(instance)) {
        resources.delete(urn);
        made.delete(instance);
      }
    }
  }

  async history({ stack }: TenantStack, pageSize: number, page: number): Promise<StackUpdate[]> {
    return this.#known(stack).updates.slice((page - 1) * pageSize, page * pageSize);
  }

  async migrate({ stack }: TenantStack, to: StackEngine): Promise<{ readonly from: StackEngine; readonly resources: number }> {
    const known = this.#known(stack);
    const from = known.engine;
    known.engine = to;
    return { from, resources: known.resources.size };
  }

  async cancel(stack: TenantStack): Promise<{ readonly holder: string | undefined; readonly stopped: boolean }> {
    return { ...(await this.unlock(stack)), stopped: true };
  }

  async unlock({ stack }: TenantStack): Promise<{ readonly holder: string | undefined }> {
    const known = this.#known(stack);
    const holder = known.locked ? "somebody" : undefined;
    known.locked = false;
    return { holder };
  }

  async #exclusively<T>({ spec }: StackOperation, run: (stack: Stack) => Promise<T>): Promise<T> {
    const stack = this.#stackOf(nameOf(spec));
    if (stack.locked) {
      throw new ClawError("stack.locked", `another operation is running on stack '${nameOf(spec)}'; try again soon`);
    }
    stack.locked = true;
    return run(stack).finally(() => {
      stack.locked = false;
    });
  }

  #stackOf(name: string): Stack {
    const stack = this.#stacks.get(name) ?? {
      resources: new Map(),
      deviations: new Map(),
      updates: [],
      made: new Map(),
      engine: "embedded",
      locked: false,
    };
    this.#stacks.set(name, stack);
    return stack;
  }

  #known(name: string): Stack {
    const stack = this.#stacks.get(name);
    if (!stack) {
      throw new ClawError("stack.not_found", `there is no stack '${name}'`);
    }
    return stack;
  }
}

function updateOf(version: number, changes: readonly ResourceChange[], failures: readonly StackFailure[]): StackUpdate {
  const now = new Date().toISOString();
  const resourceChanges: Record<string, number> = {};
  for (const { op } of changes) {
    resourceChanges[op] = (resourceChanges[op] ?? 0) + 1;
  }
  const result = failures.length === 0 ? "succeeded" : "failed";
  return { version, kind: "update", result, startTime: now, endTime: now, message: "", resourceChanges };
}

/** What an operation comes to on what a stack holds: of its instances, and of what they share unless none of them is there or comes. */
function changesOf(operation: StackOperation, held: ReadonlyMap<string, Declared>): ResourceChange[] {
  const { instances } = operation;
  const isOwn = ({ instance }: Declared) => instance !== undefined && (instances?.some(({ name }) => name === instance) ?? true);
  const declared = declaredOf(operation);
  const isIdle = instances !== undefined && instances.length > 0 && ![...declared, ...held.values()].some(isOwn);
  if (isIdle) {
    return [];
  }
  const after = new Map(declared.map((resource) => [resource.urn, resource]));
  const left = [...held.values()].filter((resource) => isOwn(resource) && !after.has(resource.urn));
  return [
    ...declared.map((resource) => changeOf(held.get(resource.urn), resource)),
    ...left.map((resource) => ({ ...changeOf(resource, resource), op: "delete" as const })),
  ];
}

function changeOf(before: Declared | undefined, { urn, type, name, instance, inputs }: Declared): ResourceChange {
  const diffs = before ? diffValues(before.inputs, inputs) : [];
  const op = before ? (diffs.length > 0 ? "update" : "same") : "create";
  return { urn, type, name, ...(instance !== undefined && { instance }), op, diffs };
}

function nameOf({ tenant, target }: StackSpec): string {
  return target.runtime === "process" ? tenant : `${tenant}.${target.cluster}`;
}

const COMPONENT = "clusterclaw:index:ClawInstance";

function urnOf(spec: StackSpec, type: string, name: string): string {
  return `urn:pulumi:${nameOf(spec)}::clusterclaw::${COMPONENT}$${type}::${name}`;
}

/** What the program declares of an operation's instances and of what they share. */
function declaredOf({ spec, instances }: StackOperation): Declared[] {
  const { target, tenant } = spec;
  const wanted = spec.instances.filter(({ name }) => instances?.some((item) => item.name === name) ?? true);
  const resource = (instance: string | undefined, [type, suffix, inputs]: Part): Declared => {
    const name = `${instance ?? tenant}-${suffix}`;
    return { urn: urnOf(spec, type, name), type, name, instance, inputs };
  };
  const shared = target.runtime === "process" ? [] : sharedParts(target);
  return [
    ...shared.map((part) => resource(undefined, part)),
    ...wanted.flatMap((instance) =>
      (target.runtime === "process" ? processParts(instance) : podParts(instance, target)).map((part) => resource(instance.name, part)),
    ),
  ];
}

type Part = readonly [type: string, suffix: string, inputs: object];

function processParts({ uid, project, running, restartedAt, deletionPolicy, storage, resources, runtime }: ResolvedInstance): Part[] {
  const { software, files, restartDigest, port } = runtime;
  return [
    [COMPONENT, "claw", { uid, project }],
    ["clusterclaw:process:Software", "software", software],
    ["clusterclaw:process:Directory", "config", { path: storage.configDir, deletionPolicy }],
    ["clusterclaw:process:Directory", "data", { path: storage.dataDir, size: storage.size, deletionPolicy }],
    ["clusterclaw:process:ConfigFiles", "files", { files: Object.fromEntries(files.map(({ path, content }) => [path, content])) }],
    ["clusterclaw:process:Process", "process", { running, restartedAt, resources, restartDigest, port }],
  ];
}

function podParts(instance: ResolvedInstance, { images, networkPolicy, ingress, gateway, storageClass }: KubernetesTarget): Part[] {
  const { uid, project, running, restartedAt, resources, storage, expose, type, runtime } = instance;
  const container = { name: "claw", image: images.claws[type], resources: { requests: resources, limits: resources } };
  const annotations = { restartedAt, restartDigest: runtime.restartDigest };
  const template = { metadata: { annotations }, spec: { containers: [container], agent: images.agent } };
  const files = Object.fromEntries(runtime.files.map(({ path, content }) => [path, content]));
  const claim = { storageClassName: storageClass, resources: { requests: { storage: storage.size } } };
  return [
    ["clusterclaw:kubernetes:ClawInstance", "claw-instance", { uid, project }],
    ["kubernetes:core/v1:Secret", "boot", { data: files }],
    ["kubernetes:core/v1:PersistentVolumeClaim", "config", { spec: { storageClassName: storageClass } }],
    ["kubernetes:core/v1:PersistentVolumeClaim", "data", { spec: claim }],
    ["kubernetes:core/v1:Service", "service", { metadata: { labels: { "clusterclaw.io/project": project } } }],
    ["kubernetes:apps/v1:StatefulSet", "claw", { spec: { replicas: running ? 1 : 0, template } }],
    ["kubernetes:policy/v1:PodDisruptionBudget", "disruption", {}],
    ...(networkPolicy.enabled ? [["kubernetes:networking.k8s.io/v1:NetworkPolicy", "network", {}] as const] : []),
    ...(expose && ingress ? [["kubernetes:networking.k8s.io/v1:Ingress", "ingress", ingress] as const] : []),
    ...(expose && gateway ? [["kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", "route", gateway] as const] : []),
  ];
}

function sharedParts({ namespace, quota, networkPolicy }: KubernetesTarget): Part[] {
  return [
    ["kubernetes:core/v1:Namespace", "namespace", { metadata: { name: namespace } }],
    ["kubernetes:core/v1:ResourceQuota", "quota", { spec: { hard: quota } }],
    ["kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "viewers", {}],
    ...(networkPolicy.enabled
      ? [["kubernetes:networking.k8s.io/v1:NetworkPolicy", "allow-egress", { spec: { egress: networkPolicy.allowedEgress } }] as const]
      : []),
  ];
}
