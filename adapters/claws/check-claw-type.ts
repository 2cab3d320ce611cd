import { join } from "node:path";
import { ClawRuntimeSchema, type ConfigVariable, type Issue, issuesOf } from "../../sdk/contract/index.ts";
import type { ClawAdapter, KnownClawType } from "../../service/application/ports/instances/claw-adapter.ts";
import { stableJson } from "./json.ts";
import { ClawManifestError, consistencyIssues, type DescribedType, MANIFEST_FILE, readClawManifest } from "./manifest/claw-manifest.ts";
import { manifestAdapter } from "./manifest/manifest-adapter.ts";
import { ClawConfigError, renderClaw } from "./render-claw.ts";

/** In values of secrets: where it is found again, a secret has gone where it must not. */
const MARK = "s3cret-mark";
const PLACEHOLDER = /\$\{(\w+)\}/g;
const PLACEHOLDERS = ["configDir", "dataDir", "runDir", "softwareDir", "port", "node"];

/**
 * The claw type that a folder describes: `claw-type.yaml`, with the files that it names beside it; or such a file of another name.
 * @throws {ClawManifestError} naming each field that can't be, and what to write instead
 * @example new ProcessClawInstance("echo", { rootDir: "/srv/claws", ...claw({ type: readClawType("./my-claw"), token }) })
 */
export function readClawType(path: string): ClawAdapter {
  return manifestAdapter(readClawManifest(manifestIn(path)));
}

function manifestIn(path: string): string {
  return /\.(ya?ml|json)$/.test(path) ? path : join(path, MANIFEST_FILE);
}

/**
 * Checks a claw type without running it: that its manifest is one, and that a configuration with every key set renders to what an agent can run, to the
 * same bytes each time, and with its secrets in secret variables alone.
 * @param type the folder of a `claw-type.yaml`, such a file, or an adapter in code
 * @param set values of an adapter's keys, where not all that it has go together
 * @returns what is wrong, with the field and the fix; nothing when all is well
 * @example console.log(await checkClawType("./my-claw"));
 */
export async function checkClawType(type: string | KnownClawType, set?: Readonly<Record<string, unknown>>): Promise<readonly Issue[]> {
  try {
    if (typeof type !== "string" && set) {
      return await renderingIssues(
        type,
        Object.entries(set).map(([key, value]) => ({ key, value })),
      );
    }
    if (typeof type !== "string") {
      const plain = Object.entries(type.defaults).filter(([key, value]) => value !== null && !type.secretKeys.includes(key));
      const secret = type.secretKeys.filter((key) => !key.includes("*")).map((key): [string, unknown] => [key, MARK]);
      return await renderingIssues(
        type,
        [...plain, ...secret].map(([key, value]) => ({ key, value })),
      );
    }
    return await issuesOfType(readClawManifest(manifestIn(type)));
  } catch (error) {
    if (error instanceof ClawManifestError || error instanceof ClawConfigError) {
      return error.issues;
    }
    throw error;
  }
}

/** The same of a type that is described as a whole, as one that is stored. @internal */
export async function issuesOfType(described: DescribedType): Promise<readonly Issue[]> {
  const issues = consistencyIssues(described.spec);
  const samples = described.spec.variables.map((variable) => ({ key: variable.name, value: sampleOf(variable) }));
  try {
    return issues.length > 0 ? issues : await renderingIssues(manifestAdapter(described), samples);
  } catch (error) {
    if (error instanceof ClawConfigError) {
      return error.issues;
    }
    throw error;
  }
}

async function renderingIssues(adapter: KnownClawType, config: readonly { key: string; value: unknown }[]): Promise<Issue[]> {
  const declared = { name: "check", config, secretKeys: [], instanceToken: `${MARK}-token` };
  const runtime = await renderClaw(adapter, declared);
  const parsed = ClawRuntimeSchema.safeParse(runtime);
  const issues = parsed.success ? [] : [...issuesOf(ClawRuntimeSchema, parsed.error, runtime)];
  if (stableJson(await renderClaw(adapter, declared)) !== stableJson(runtime)) {
    issues.push({
      path: "spec.config",
      message: "the same configuration does not give the same bytes",
      fix: "leave out what differs each time",
    });
  }
  const { secretEnv: _secrets, ...shown } = runtime;
  if (JSON.stringify(shown).includes(MARK)) {
    issues.push({
      path: "spec.config",
      message: "a secret is written to a file or to a plain variable",
      fix: "hand it over in a secret variable",
    });
  }
  const texts = [
    ...runtime.command.map((text, index) => [`spec.command[${index}]`, text]),
    ...Object.entries(runtime.env).map(([name, text]) => [`spec.env.${name}`, text]),
  ];
  for (const [path = "", text = ""] of texts) {
    for (const [whole, name = ""] of text.matchAll(PLACEHOLDER)) {
      if (!PLACEHOLDERS.includes(name)) {
        issues.push({
          path,
          message: `${whole} is no placeholder`,
          fix: `use one of ${PLACEHOLDERS.map((known) => `\${${known}}`).join(", ")}`,
        });
      }
    }
  }
  return issues;
}

function sampleOf({ type, secret, default: value }: ConfigVariable): unknown {
  if (secret) {
    return MARK;
  }
  if (value !== undefined && value !== null) {
    return value;
  }
  switch (type) {
    case "number":
      return 1;
    case "boolean":
      return true;
    case "array":
      return [];
    case "object":
      return {};
    default:
      return "sample";
  }
}
