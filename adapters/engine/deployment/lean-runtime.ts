import { Resource } from "@pulumi/pulumi";
import log from "@pulumi/pulumi/log/index.js";
import debuggable from "@pulumi/pulumi/runtime/debuggable.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import type { PropertyMap } from "../contract/values.ts";
import { PlainStruct } from "./structs.ts";

/** Stripped from Pulumi's published types. Its modules reach these through their exports, so that they can be replaced there. */
interface Debugging {
  debuggablePromise<T>(promise: Promise<T>): Promise<T>;
}
interface Traces {
  callsites(): readonly object[];
}

/**
 * Switches off, for this process, what Pulumi's runtime does only for who debugs a program: a trace and a list entry for each promise, a message
 * to the engine for each step of a registration, the place of each declaration; and messages that are made of what both ends have as values. It is a good part of what a program of many resources costs.
 */
export function useLeanRuntime(): void {
  Error.stackTraceLimit = 1;
  (debuggable as unknown as Debugging).debuggablePromise = (promise) => promise;
  (Resource as unknown as Traces).callsites = () => [];
  log.debug = () => Promise.resolve();
  structPb.Struct.fromJavaScript = (map) => new PlainStruct(map as PropertyMap);
}
