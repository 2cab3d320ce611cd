import { status } from "@grpc/grpc-js";
import type resourcePb from "@pulumi/pulumi/proto/resource_pb.js";

/**
 * Secrets, references, output values, alias specs, replacementTrigger, deletedWith, replaceWith, transforms, transforms of invokes,
 * hooks, error hooks, dependsOn and parent of invokes.
 */
export const features: resourcePb.ResourceMonitorFeature[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15];
export const featureNames = new Set([
  "secrets",
  "resourceReferences",
  "outputValues",
  "aliasSpecs",
  "replacementTrigger",
  "deletedWith",
  "replaceWith",
  "transforms",
  "invokeTransforms",
  "resourceHooks",
  "errorHooks",
  "invokeDependsOn",
]);

/** An error for the program alone: the operation goes on when the program handles it. */
export class RequestError extends Error {
  readonly code: status;
  constructor(code: status, message: string) {
    super(message);
    this.name = "RequestError";
    this.code = code;
  }
}

/** What the program sends and can't be read is an error of the program, in the words of the CLI. */
export async function decoded<T>(reading: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new RequestError(status.UNKNOWN, `${reading}${reading && ": "}${(error as Error).message}`);
  }
}

export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) {
    throw new Error(`${name} must be specified`);
  }
  return value;
}

export function refuse(what: string): never {
  throw new RequestError(status.FAILED_PRECONDITION, `the embedded engine does not support ${what}`);
}
