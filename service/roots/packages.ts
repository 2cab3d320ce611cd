import type { ReadResource } from "../../adapters/automation/stack-scan.ts";
import { openClawCompletion } from "../../adapters/claws/openclaw/config-schemas.ts";
import { runConfined } from "../../adapters/confinement/run-confined.ts";
import type { ResourceProvider } from "../../adapters/engine/contract/provider.ts";
import { deviationOf as deviationInCluster } from "../../adapters/kubernetes/drift.ts";
import { localLauncher } from "../../adapters/providers/clusterclaw/agent-client.ts";
import { deviationOf as deviationOnHost } from "../../adapters/providers/clusterclaw/deviation.ts";
import { ClawProvider } from "../../adapters/providers/clusterclaw/provider.ts";
import { KubernetesProvider } from "../../adapters/providers/kubernetes/provider.ts";
import type { Deviation } from "../application/ports/clusters/clusters.ts";

interface Package {
  provider(): ResourceProvider;
  /** What of a difference is somebody's doing; undefined when nothing is. */
  deviationOf(read: ReadResource): Deviation | undefined;
}

/** Who makes the resources that runtimes declare, by the package of their types: one line for each provider of ours. */
const PACKAGES: Readonly<Record<string, Package>> = {
  clusterclaw: {
    provider: () => new ClawProvider(localLauncher, openClawCompletion(runConfined)),
    deviationOf: ({ type, held, found }) => deviationOnHost(type, held.outputs, found?.outputs),
  },
  kubernetes: {
    provider: () => new KubernetesProvider(),
    // The cluster's objects say themselves what is somebody's edit.
    deviationOf: ({ held, found }) => deviationInCluster(held.inputs, found?.outputs),
  },
};

/** Makes the provider of each package. */
export const resourceProviders = Object.fromEntries(Object.entries(PACKAGES).map(([name, { provider }]) => [name, provider]));

/** The package of ours that a type token is of. */
export function packageOf(type: string): Package | undefined {
  const [name = ""] = type.split(":", 1);
  return Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
}
