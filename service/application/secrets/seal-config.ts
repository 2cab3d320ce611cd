import {
  type ConfigTemplateSpec,
  type ConfigValuesSpec,
  formatConfigKey,
  type InstanceSpec,
  isSecretVariable,
  parseConfigKey,
} from "../../../sdk/contract/index.ts";
import { SecretRules } from "../../domain/configs/secret-rules.ts";
import { type Opening, openLeaves, type Sealed, type Sealing, sealedPlaces, sealLeaves, UnknownMaskError } from "../../domain/sealed.ts";
import type { KnownClawType } from "../ports/instances/claw-adapter.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import { invalid } from "../resources/refusals.ts";

/** Where a template's base is in the unified config. */
const BASE = "native";
type Variables = ConfigTemplateSpec["variables"];
type Note = (key: string) => void;

/** A template at rest: every secret of its defaults and its base sealed. @throws {ClawError} `request.invalid` for a mask of nothing */
export function sealTemplate(
  spec: ConfigTemplateSpec,
  former: ConfigTemplateSpec | undefined,
  adapter: KnownClawType,
  cipher: SecretCipher,
): ConfigTemplateSpec {
  const places = sealedPlaces(former?.base, [BASE]);
  for (const { name, default: value } of former?.variables ?? []) {
    sealedPlaces(value, parseConfigKey(name), places);
  }
  const sealing = { isSecret: secrecyOf(adapter, spec.variables), former: places, cipher };
  return {
    ...spec,
    variables: spec.variables.map((variable, index) =>
      variable.default === undefined
        ? variable
        : { ...variable, default: sealGiven(variable.default, sealing, parseConfigKey(variable.name), `spec.variables[${index}].default`) },
    ),
    base: sealGiven(spec.base, sealing, [BASE], "spec.base"),
  };
}

/** An instance's specification at rest: every secret of its overrides sealed. @throws {ClawError} `request.invalid` for a mask of nothing */
export function sealOverrides(
  spec: InstanceSpec,
  former: InstanceSpec | undefined,
  { adapter, variables, cipher }: { readonly adapter: KnownClawType; readonly variables: Variables; readonly cipher: SecretCipher },
): InstanceSpec {
  const places = new Map<string, Sealed>();
  for (const { key, value } of former?.config.overrides ?? []) {
    sealedPlaces(value, parseConfigKey(key), places);
  }
  const sealing = { isSecret: secrecyOf(adapter, variables), former: places, cipher };
  const overrides = spec.config.overrides.map(({ key, value }) => ({
    key,
    value: sealGiven(value, sealing, parseConfigKey(key), `spec.config.overrides[${key}].value`),
  }));
  return { ...spec, config: { ...spec.config, overrides } };
}

/** Values of a level at rest: every secret sealed. They may be of any type. @throws {ClawError} `request.invalid` for a mask of nothing */
export function sealValues(
  spec: ConfigValuesSpec,
  former: ConfigValuesSpec | undefined,
  {
    adapters,
    variables,
    cipher,
  }: { readonly adapters: readonly KnownClawType[]; readonly variables: Variables; readonly cipher: SecretCipher },
): ConfigValuesSpec {
  const places = new Map<string, Sealed>();
  for (const { key, value } of former?.values ?? []) {
    sealedPlaces(value, parseConfigKey(key), places);
  }
  const rules = new SecretRules({
    secretKeys: adapters.flatMap(({ secretKeys }) => secretKeys),
    plainKeys: adapters.flatMap(({ plainKeys = [] }) => plainKeys),
    declared: [
      ...variables.filter(isSecretVariable).map(({ name }) => name),
      ...spec.values.flatMap(({ key, secret }) => (secret ? [key] : [])),
    ],
  });
  const sealing = { isSecret: (path: readonly string[], value: unknown) => rules.isSecret(path, value), former: places, cipher };
  const values = spec.values.map((entry, index) => ({
    ...entry,
    value: sealGiven(entry.value, sealing, parseConfigKey(entry.key), `spec.values[${index}].value`),
  }));
  return { ...spec, values };
}

/** A template with its secrets in plain. @param note told of each key that held one */
export function openTemplate(spec: ConfigTemplateSpec, opening: Opening, note: Note): ConfigTemplateSpec {
  return {
    ...spec,
    variables: spec.variables.map((variable) =>
      variable.default === undefined ? variable : { ...variable, default: openAt(variable.name, variable.default, opening, note) },
    ),
    base: openAt(BASE, spec.base, opening, note),
  };
}

/** The value of a key with its secrets in plain. */
export function openAt<T>(key: string, value: T, opening: Opening, note: Note): T {
  return openLeaves(value, opening, (path) => note(formatConfigKey(path)), parseConfigKey(key)) as T;
}

function secrecyOf({ secretKeys, plainKeys }: KnownClawType, variables: Variables): Sealing["isSecret"] {
  const declared = variables.filter(isSecretVariable).map(({ name }) => name);
  const rules = new SecretRules({ secretKeys, plainKeys, declared });
  return (path, value) => rules.isSecret(path, value);
}

/** @param given what the value is called where it was given @throws {ClawError} `request.invalid` for a mask of nothing */
export function sealGiven<T>(value: T, sealing: Sealing, path: readonly string[], given: string): T {
  try {
    return sealLeaves(value, sealing, path);
  } catch (error) {
    if (error instanceof UnknownMaskError) {
      const at = formatConfigKey(error.path.slice(path.length), given);
      throw invalid(at, error.message, "give the secret itself");
    }
    throw error;
  }
}
