import { type ConfigTemplateSpec, type ConfigVariable, type Issue, isSecretRef } from "../../../sdk/contract/index.ts";
import { takeEnvironment, withEnvironment } from "../../domain/configs/environment.ts";
import { resolveConfig } from "../../domain/configs/resolve-config.ts";
import { type Checked, ClawAdapterError, type ClawIssue, type KnownClawType } from "../ports/instances/claw-adapter.ts";
import type { ConfigQuestion } from "../ports/instances/claw-programs.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import { openAt, openTemplate } from "../secrets/seal-config.ts";
import type { UsedVersion } from "./template-users.ts";

interface TemplateOf {
  readonly adapter: KnownClawType;
  readonly cipher: SecretCipher;
  readonly checked: CheckedOf;
  /** Those that instances run with it: the type's default where there are none. */
  readonly versions: readonly UsedVersion[];
}

/** What is known of a config that is to be asked about. */
export type CheckedOf = (question: ConfigQuestion) => Checked | Promise<Checked>;

/** What is wrong with an instance that has these values for the template's variables, and nothing else. */
export async function valueIssues(
  spec: ConfigTemplateSpec,
  of: TemplateOf,
  values: Readonly<Record<string, unknown>>,
): Promise<readonly Issue[]> {
  const config = resolveTemplate(spec, of, values);
  return config.issues.length > 0 ? config.issues : validate(config, of);
}

/** What in a template keeps any instance from using it, whatever values it had. */
export async function unusableKeys(spec: ConfigTemplateSpec, of: TemplateOf): Promise<readonly Issue[]> {
  const open = spec.variables.filter((variable) => variable.default === undefined || variable.default === null);
  const samples = Object.fromEntries(open.map((variable) => [variable.name, variable.enum?.[0] ?? SAMPLES[variable.type]]));
  // What is put in their place is nobody's value.
  const free = { ...spec, variables: spec.variables.map((variable) => (variable.name in samples ? unconstrained(variable) : variable)) };
  const config = resolveTemplate(free, of, samples);
  // With every variable set, what is left is between the template and the type.
  return config.issues.length > 0 ? config.issues : (await validate(config, of)).filter(({ isHopeless }) => isHopeless);
}

const SAMPLES: Readonly<Record<ConfigVariable["type"], unknown>> = {
  string: "sample",
  number: 1,
  boolean: true,
  object: {},
  array: [],
  secretRef: { secretRef: "sample" },
};

function unconstrained({ name, type, required, secret, description }: ConfigVariable): ConfigVariable {
  return { name, type, required, secret, description };
}

function resolveTemplate(spec: ConfigTemplateSpec, { adapter, cipher }: TemplateOf, values: Readonly<Record<string, unknown>>) {
  const sealed = new Set<string>();
  const opening = { cipher, meaning: () => SAMPLES.string };
  const note = (key: string) => sealed.add(key);
  return resolveConfig({
    template: openTemplate(spec, opening, note),
    defaults: adapter.defaults,
    secretKeys: adapter.secretKeys,
    plainKeys: adapter.plainKeys,
    values: [],
    overrides: Object.entries(values).map(([key, value]) => ({
      key,
      value: isSecretRef(value) ? openAt(key, value, opening, note) : value,
      refers: isSecretRef(value),
    })),
    sealed,
  });
}

/** By each version that instances run, with the key, the version and one of the instances in each issue. */
async function validate(config: ReturnType<typeof resolveConfig>, of: TemplateOf): Promise<ClawIssue[]> {
  try {
    return await validateBy(config, of);
  } catch (error) {
    if (error instanceof ClawAdapterError) {
      return [error.issue];
    }
    throw error;
  }
}

async function validateBy(config: ReturnType<typeof resolveConfig>, { adapter, checked, versions }: TemplateOf): Promise<ClawIssue[]> {
  const { unified, environment } = takeEnvironment(config, adapter);
  const parsed = withEnvironment(await adapter.parseConfig(unified, config.secrets), environment);
  const judge = async (version: string) => {
    const question = adapter.question?.(parsed, version);
    return adapter.validate(parsed, version, question && (await checked(question)));
  };
  if (versions.length === 0) {
    return [...(await judge(adapter.defaultVersion))];
  }
  const found: { readonly issue: ClawIssue; readonly who: string[] }[] = [];
  for (const { version = adapter.defaultVersion, instance } of versions) {
    for (const issue of await judge(version)) {
      const same = found.find((each) => each.issue.path === issue.path && each.issue.message === issue.message);
      const who = `version ${version}, which instance '${instance}' runs`;
      if (same) {
        same.who.push(who);
      } else {
        found.push({ issue, who: [who] });
      }
    }
  }
  return found.map(({ issue, who }) => ({ ...issue, message: `${issue.message} (${who.join("; ")})` }));
}
