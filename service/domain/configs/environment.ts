import { createHash, X509Certificate } from "node:crypto";
import { formatConfigKey, type Issue, isKeyWithin } from "../../../sdk/contract/index.ts";
import { type ConfigTree, isTree } from "./config-path.ts";
import { referencesIn, replaceReferences } from "./references.ts";

/** Where a unified config, of whatever type, says what the claw's process has in its environment. */
export const ENVIRONMENT = "environment";

/** What is set in the environment of a claw's process. */
export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Certificates and npm's settings, which variables name by their paths. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly issues: readonly EnvironmentIssue[];
}

interface EnvironmentIssue extends Issue {
  /** No instance could use this, whatever else its config says. */
  readonly isHopeless?: boolean;
}

/** What an adapter makes of a config: the part of it that has to do with the environment. */
interface Parsed {
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, string>>;
  readonly envSources?: Readonly<Record<string, string>>;
  readonly issues?: readonly EnvironmentIssue[];
}

/** By these a program is told what to load, or finds what every claw has: whoever starts it would do something else. */
const LOADERS = /^(LD_|DYLD_|CLAW_|GLIBC_)|^(PATH|HOME|TMPDIR|BASH_ENV|ENV|SHELLOPTS|GCONV_PATH|LOCPATH)$/;
/** Of Node's own, what only says how it is to talk to others. */
const NODE_SETTINGS: ReadonlySet<string> = new Set(
  "NODE_EXTRA_CA_CERTS NODE_USE_ENV_PROXY NODE_USE_SYSTEM_CA NODE_TLS_REJECT_UNAUTHORIZED NODE_ENV NODE_NO_WARNINGS".split(" "),
);

/** Whether a variable may be set by those who configure a claw. */
export function isFreeVariable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !LOADERS.test(name) && (!name.startsWith("NODE_") || NODE_SETTINGS.has(name));
}

/** What of a claw type says which variables are not free. */
interface Type {
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Variables that it sets itself; a `*` at the end stands for any rest. */
  readonly managedEnv?: readonly string[] | undefined;
}

/** Takes the environment out of a unified config. Its values may refer to one another. A type that has such a key of its own keeps it. */
export function takeEnvironment(
  { unified, secrets }: { readonly unified: Readonly<ConfigTree>; readonly secrets: ReadonlySet<string> },
  { defaults, managedEnv = [] }: Type,
): { readonly unified: Readonly<ConfigTree>; readonly environment: Environment } {
  const { [ENVIRONMENT]: given, ...rest } = unified;
  if (given === undefined || Object.keys(defaults).some((key) => isKeyWithin(key, ENVIRONMENT))) {
    return { unified, environment: { env: {}, secretEnv: {}, files: [], issues: [] } };
  }
  const reader = new EnvironmentReader(isTree(given) ? given : {}, secrets, managedEnv);
  if (!isTree(given)) {
    reader.issues.push({ path: ENVIRONMENT, message: "must be an object", fix: `set keys beneath it, such as '${ENVIRONMENT}.TZ'` });
  }
  return { unified: rest, environment: reader.read() };
}

/** A parsed config with the environment in it. What of its own variables refers to another gets that one's value: no program does it. */
export function withEnvironment<P extends Parsed>(parsed: P, environment: Environment): P {
  const issues = [...environment.issues, ...(parsed.issues ?? [])];
  const env: Record<string, string> = { ...environment.env };
  const secretEnv: Record<string, string> = { ...environment.secretEnv };
  const known = { ...environment.env, ...environment.secretEnv };
  for (const [own, isSecret] of [
    [parsed.env, false],
    [parsed.secretEnv, true],
  ] as const) {
    for (const [name, text] of Object.entries(own)) {
      const names = referencesIn(text);
      for (const missing of names.filter((other) => known[other] === undefined)) {
        issues.push(missingVariable(parsed.envSources?.[name] ?? name, missing));
      }
      const isOfSecrets = isSecret || names.some((other) => environment.secretEnv[other] !== undefined);
      const whole = replaceWithin(text, (other) => known[other] ?? "");
      if (whole === undefined) {
        issues.push({ path: parsed.envSources?.[name] ?? name, ...TOO_LONG });
      }
      (isOfSecrets ? secretEnv : env)[name] = whole ?? "";
    }
  }
  return { ...parsed, env, secretEnv, issues };
}

/** What is wrong with a text that refers to a variable that is not there. */
export function missingVariable(path: string, name: string): Issue {
  return {
    path,
    message: `refers to the environment variable ${name}, which the instance does not have`,
    fix: `set '${ENVIRONMENT}.${name}', or write $\${${name}} when the text itself is meant`,
  };
}

interface Variable {
  readonly text: string;
  readonly isSecret: boolean;
}

class EnvironmentReader {
  readonly issues: EnvironmentIssue[] = [];
  readonly #given: Readonly<ConfigTree>;
  readonly #secrets: ReadonlySet<string>;
  readonly #managed: readonly string[];

  constructor(given: Readonly<ConfigTree>, secrets: ReadonlySet<string>, managed: readonly string[]) {
    this.#given = given;
    this.#secrets = secrets;
    this.#managed = managed;
  }

  read(): Environment {
    const given = new Map(Object.entries(this.#given).flatMap(([name, value]) => this.#variable(name, value)));
    const env: Record<string, string> = {};
    const secretEnv: Record<string, string> = {};
    const files: { path: string; content: string }[] = [];
    for (const [name, variable] of given) {
      const { text, isSecret } = this.#whole(name, variable, given);
      if (!isSecret && text.includes(CERTIFICATE)) {
        // Its content is in its name: programs read it once, when they start.
        const path = `${name.toLowerCase()}-${createHash("sha256").update(text).digest("hex").slice(0, 12)}.pem`;
        files.push({ path, content: text });
        env[name] = `\${configDir}/${path}`;
      } else if (NPMRC.test(name)) {
        // Whole as it is written: npm puts the variables in that it refers to.
        const content = `${variable.text.trimEnd()}\n`;
        const path = `npmrc-${createHash("sha256").update(content).digest("hex").slice(0, 12)}`;
        files.push({ path, content });
        env[name] = `\${configDir}/${path}`;
        this.#complain(name, npmrcProblem(variable));
      } else {
        (isSecret ? secretEnv : env)[name] = text;
        this.#complain(name, text.length > VALUE_MAX ? TOO_LONG : undefined);
      }
      this.#complain(name, settingProblem(name, text));
    }
    return { env, secretEnv, files, issues: this.issues };
  }

  #variable(name: string, value: unknown): [string, Variable][] {
    const isManaged = this.#managed.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
    if (isManaged || !isFreeVariable(name)) {
      const message = "can't be set: the platform sets it, or a program is loaded by it";
      this.#complain(name, { message, fix: "remove it", isHopeless: true });
      return [];
    }
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
      this.#complain(name, { message: "must be a text", fix: "give a text, a number, true or false" });
      return [];
    }
    return [[name, { text: String(value), isSecret: this.#secrets.has(formatConfigKey([name], ENVIRONMENT)) }]];
  }

  /** A variable with its references replaced: by what refers to nothing further, so that there is an end to it. */
  #whole(name: string, { text, isSecret }: Variable, given: ReadonlyMap<string, Variable>): Variable {
    const referred = new Map(referencesIn(text).map((other) => [other, given.get(other)]));
    for (const [other, variable] of referred) {
      if (!variable) {
        this.issues.push(missingVariable(formatConfigKey([name], ENVIRONMENT), other));
      } else if (referencesIn(variable.text).length > 0) {
        this.#complain(name, { message: `refers to ${other}, which refers to others itself`, fix: "refer to those" });
      }
    }
    const whole = replaceWithin(text, (other) => referred.get(other)?.text ?? "");
    this.#complain(name, whole === undefined ? TOO_LONG : undefined);
    return { text: whole ?? "", isSecret: isSecret || [...referred.values()].some((variable) => variable?.isSecret === true) };
  }

  #complain(name: string, problem: Omit<EnvironmentIssue, "path"> | undefined): void {
    if (problem) {
      this.issues.push({ path: formatConfigKey([name], ENVIRONMENT), ...problem });
    }
  }
}

/** Of one variable: Linux takes no longer ones. */
const VALUE_MAX = 100_000;
const TOO_LONG = { message: `is longer than ${VALUE_MAX} characters`, fix: "give less" };

/** Undefined where it would be longer than a variable can be. */
function replaceWithin(text: string, meaning: (name: string) => string): string | undefined {
  const names = referencesIn(text);
  const length = names.reduce((sum, name) => sum + meaning(name).length, text.length);
  return names.length > 0 && length > VALUE_MAX ? undefined : replaceReferences(text, meaning);
}

const CERTIFICATE = "-----BEGIN CERTIFICATE-----";

const NPMRC = /^npm_config_userconfig$/i;
/** Of an npmrc, what is a credential: it is to be a reference, and nothing else. */
const CREDENTIAL = /^\s*[^#;=\s]*(_authToken|_auth|_password|password)\s*=\s*(.*?)\s*$/i;

/** A file is nothing for secrets: npm's own settings refer to them. */
function npmrcProblem({ text, isSecret }: Variable): Omit<Issue, "path"> | undefined {
  const isPlain = text.split("\n").some((line) => {
    const value = CREDENTIAL.exec(line)?.[2];
    return value !== undefined && !/^"?\$\{[A-Z_][A-Z0-9_]*\}"?$/.test(value);
  });
  return isSecret || isPlain
    ? {
        message: "is the text of an npmrc, which is written to a file, and has a secret in it",
        fix: `refer to it, '//npm.example.com/:_authToken=$\{NPM_TOKEN}', and set '${ENVIRONMENT}.NPM_TOKEN'`,
      }
    : undefined;
}

/** What is wrong with the value of a variable whose meaning everybody knows. The value may be a secret. */
function settingProblem(name: string, text: string): Omit<Issue, "path"> | undefined {
  if (/^(https?|all)_proxy$/i.test(name) && !isUrl(text, /^(https?|socks[45]?h?):$/)) {
    return { message: "is not the URL of a proxy", fix: "give one such as 'http://proxy.example.com:3128'" };
  }
  if (/^npm_config_registry$/i.test(name) && !isUrl(text, /^https?:$/)) {
    return { message: "is not an http(s) URL", fix: "give one such as 'https://npm.example.com/'" };
  }
  if (name === "TZ" && !isTimeZone(text)) {
    return { message: "is not a time zone", fix: "give one such as 'Europe/Berlin'" };
  }
  return name === "NODE_EXTRA_CA_CERTS" || text.includes(CERTIFICATE) ? certificateProblem(text) : undefined;
}

function certificateProblem(text: string): Omit<Issue, "path"> | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const isWhole = blocks.length > 0 && blocks.length === text.split(CERTIFICATE).length - 1;
  return isWhole && blocks.every(isCertificate)
    ? undefined
    : { message: "are not certificates", fix: "give the text of PEM files, from BEGIN CERTIFICATE to END CERTIFICATE" };
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

function isUrl(text: string, protocol: RegExp): boolean {
  return URL.canParse(text) && protocol.test(new URL(text).protocol);
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
