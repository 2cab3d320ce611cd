import { makeReference, providerType } from "../contract/urn.ts";
import { makeSecret, type PropertyMap } from "../contract/values.ts";
import type { OperationRequest } from "../operation.ts";
import { providerInputs } from "./providers.ts";
import type { Goal, RegisterResult } from "./steps.ts";

export interface ProviderRequest {
  readonly packageName: string;
  readonly version?: string | undefined;
  readonly pluginDownloadUrl?: string | undefined;
}

export class DefaultProviderDeniedError extends Error {
  constructor(packageName: string, urn: string) {
    super(`Default provider for '${packageName}' disabled. '${urn}' must use an explicit provider.`);
    this.name = "DefaultProviderDeniedError";
  }
}

/** The providers that resources get when the program names none: one for each package, version and origin, made at first need. */
export class DefaultProviders {
  readonly #config: OperationRequest["config"];
  readonly #register: (goal: Goal) => Promise<RegisterResult>;
  readonly #references = new Map<string, Promise<string>>();

  constructor(config: OperationRequest["config"], register: (goal: Goal) => Promise<RegisterResult>) {
    this.#config = config;
    this.#register = register;
  }

  /** @throws when the stack's config forbids a default provider of this package. */
  async reference(request: ProviderRequest, usedBy: string): Promise<string> {
    if (isDenied(this.#config, request.packageName)) {
      throw new DefaultProviderDeniedError(request.packageName, usedBy);
    }
    const goal = defaultProviderGoal(this.#config, request);
    const key = `${goal.type}::${goal.name}`;
    let reference = this.#references.get(key);
    if (!reference) {
      reference = this.#register(goal).then(({ state }) => makeReference(state.urn, state.id ?? ""));
      this.#references.set(key, reference);
    }
    return reference;
  }
}

export function defaultProviderGoal(config: OperationRequest["config"], request: ProviderRequest): Goal {
  const { packageName, version } = request;
  const pluginDownloadUrl = request.pluginDownloadUrl?.replace(/\/$/, "");
  const versionName = version ? `_${version.replace(/^v/, "").replaceAll(/[.+-]/g, "_")}` : "";
  const originName = pluginDownloadUrl ? `_${toQualifiedName(pluginDownloadUrl)}` : "";
  return {
    type: providerType(packageName),
    name: `default${versionName}${originName}`,
    custom: true,
    inputs: providerInputs(packageConfig(config, packageName), { version, pluginDownloadUrl }),
    parent: undefined,
    provider: undefined,
    dependencies: [],
    propertyDependencies: {},
    protect: undefined,
    retainOnDelete: undefined,
    deleteBeforeReplace: undefined,
    deletedWith: undefined,
    replaceWith: [],
    replacementTrigger: undefined,
    ignoreChanges: [],
    replaceOnChanges: [],
    hideDiffs: [],
    additionalSecretOutputs: [],
    aliases: [],
    importId: undefined,
    customTimeouts: undefined,
    resourceHooks: undefined,
  };
}

/** Any text as a name of Pulumi's: segments of letters, digits and a few signs between slashes. */
function toQualifiedName(text: string): string {
  const segments = text.split("/").filter((segment) => segment !== "");
  return segments.map((segment) => segment.replaceAll(/[^A-Za-z0-9_.-]/g, "_")).join("/") || "_";
}

function packageConfig(config: OperationRequest["config"], packageName: string): PropertyMap {
  const inputs: PropertyMap = {};
  for (const [key, { value, secret }] of config) {
    const [namespace, ...name] = key.split(":");
    if (namespace === packageName) {
      inputs[name.join(":")] = secret ? makeSecret(value) : value;
    }
  }
  return inputs;
}

function isDenied(config: OperationRequest["config"], packageName: string): boolean {
  const denied = config.get("pulumi:disable-default-providers")?.value;
  if (packageName === "pulumi" || !denied) {
    return false;
  }
  const list: unknown = JSON.parse(denied);
  if (!Array.isArray(list)) {
    throw new Error(`Failed to parse ${denied}`);
  }
  return list.some((entry) => typeof entry === "string" && ["*", packageName].includes(entry.trim()));
}
