import type { TextKey } from "../app/catalogue.ts";

/** What one does about a condition, by its reason, and where on the page of the instance. */
export interface NextStep {
  readonly text: TextKey;
  readonly tab?: "config" | "consistency" | "logs" | "spec" | "events";
}

const STEPS: Readonly<Record<string, NextStep>> = {
  ConfigInvalid: { text: "instances.stepConfig", tab: "config" },
  ConfigError: { text: "instances.stepConfig", tab: "config" },
  Refused: { text: "instances.stepRefused", tab: "config" },
  Altered: { text: "instances.stepAltered", tab: "consistency" },
  CrashLoop: { text: "instances.stepLogs", tab: "logs" },
  CrashLoopBackOff: { text: "instances.stepLogs", tab: "logs" },
  Crashed: { text: "instances.stepLogs", tab: "logs" },
  ExitedAtOnce: { text: "instances.stepLogs", tab: "logs" },
  StartTimeout: { text: "instances.stepLogs", tab: "logs" },
  ReadinessFailed: { text: "instances.stepLogs", tab: "logs" },
  ChannelFailed: { text: "instances.stepChannel", tab: "config" },
  VersionNotFound: { text: "instances.stepVersion", tab: "spec" },
  PlaceholderPackage: { text: "instances.stepVersion", tab: "spec" },
  NodeUnsupported: { text: "instances.stepVersion", tab: "spec" },
  RegistryUnreachable: { text: "instances.stepRegistry" },
  PortInUse: { text: "instances.stepPort", tab: "spec" },
  DiskFull: { text: "instances.stepDisk" },
  OOMKilled: { text: "instances.stepMemory", tab: "spec" },
  QuotaExceeded: { text: "instances.stepQuota" },
  Unschedulable: { text: "instances.stepQuota" },
  ChangedOutside: { text: "instances.stepDrift" },
  Disconnected: { text: "instances.stepWait" },
};

/** Undefined where there is nothing to do but to wait, or nothing is known. */
export function nextStepOf(reason: string): NextStep | undefined {
  return STEPS[reason];
}
