import { type ClawRuntime, InstanceSpecSchema, type Issue, unknownKeyFix } from "../../sdk/contract/index.ts";
import type { Checked, ClawAdapter, KnownClawType } from "../../service/application/ports/instances/claw-adapter.ts";
import { takeEnvironment, withEnvironment } from "../../service/domain/configs/environment.ts";
import { resolveConfig } from "../../service/domain/configs/resolve-config.ts";
import { called, ownTypes } from "./own-types.ts";

/** What of a claw is declared where nobody resolves templates and levels. */
export interface ClawDeclaration {
  /** Of the instance. */
  readonly name: string;
  readonly version?: string | undefined;
  readonly port?: number | undefined;
  readonly config: readonly { readonly key: string; readonly value: unknown }[];
  /** Keys whose values are secret whatever they are called. */
  readonly secretKeys: readonly string[];
  /** Guards the claw's own port; the same over its life. */
  readonly instanceToken: string;
}

/** A claw can't be declared so. `issues` name the keys. */
export class ClawConfigError extends Error {
  override readonly name = "ClawConfigError";
  readonly issues: readonly Issue[];

  constructor(what: string, issues: readonly Issue[]) {
    super(`${what}:\n${issues.map(({ path, message, fix }) => `  ${path}: ${message}${fix === undefined ? "" : `; ${fix}`}`).join("\n")}`);
    this.issues = issues;
  }
}

/** A claw type that comes with the product. @throws {ClawConfigError} */
export function builtInClawType(type: string): ClawAdapter {
  const types = ownTypes();
  const found = called(types, type);
  if (!found) {
    const names = types.map((adapter) => adapter.type);
    const fix = unknownKeyFix(type, names);
    throw new ClawConfigError("the claw can't be declared", [{ path: "type", message: `'${type}' is no claw type`, fix }]);
  }
  return found;
}

/** A configuration as its claw type runs it. @param checked what its program says, where that is known @throws {ClawConfigError} */
export async function renderClaw(adapter: KnownClawType, declared: ClawDeclaration, checked?: Checked): Promise<ClawRuntime> {
  const { version = adapter.defaultVersion } = declared;
  const refused = (issues: readonly Issue[]) =>
    new ClawConfigError(`the configuration of claw '${declared.name}' (${adapter.type}) can't be used`, issues);
  const config = resolveConfig({
    template: undefined,
    defaults: adapter.defaults,
    secretKeys: adapter.secretKeys,
    plainKeys: adapter.plainKeys,
    sealed: declared.secretKeys,
    values: [],
    overrides: declared.config,
  });
  if (config.issues.length > 0) {
    throw refused(config.issues);
  }
  const { unified, environment } = takeEnvironment(config, adapter);
  const parsed = withEnvironment(await adapter.parseConfig(unified, config.secrets), environment);
  const issues = await adapter.validate(parsed, version, checked);
  if (issues.length > 0) {
    throw refused(issues);
  }
  const spec = InstanceSpecSchema.parse({
    type: adapter.type,
    version,
    network: { ...(declared.port !== undefined && { port: declared.port }) },
  });
  const runtime = await adapter.injectRuntime(parsed, {
    instanceId: declared.name,
    name: declared.name,
    tenant: "default",
    project: "default",
    spec,
    instanceToken: declared.instanceToken,
  });
  return { ...runtime, files: [...runtime.files, ...environment.files] };
}
