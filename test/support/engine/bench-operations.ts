import type { Engine } from "./bench-engine.ts";

type Operation = (engine: Engine, stack: string, instances: number[], round: number) => Promise<unknown>;

/** What the bench does with whole stacks. */
export const operations = {
  refresh: (engine, stack) => engine.refresh(stack),
  preview: (engine, stack, instances) => engine.preview(stack, instances),
  "up without a change": (engine, stack, instances) => engine.up(stack, instances),
  "up with one change": (engine, stack, instances, round) => engine.up(stack, instances, new Map([[0, round + 2]])),
} as const satisfies Readonly<Record<string, Operation>>;
export type OperationName = keyof typeof operations;
export const operationNames = Object.keys(operations) as OperationName[];

export interface Cost {
  readonly wallMs: number;
  /** Of this process: the program's and the engine's both. */
  readonly cpuMs: number;
}

export async function measure(work: () => Promise<unknown>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs: performance.now() - started, cpuMs: (user + system) / 1000 };
}

export function range(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}
