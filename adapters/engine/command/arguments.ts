import { CommandFailure, ExitCode } from "./failure.ts";

/** How a flag is written: `bool` stands alone or with `=true|false`, `value` takes one, `list` may come several times. */
type FlagKind = "bool" | "value" | "list";
interface CommandSpec {
  readonly flags: Readonly<Record<string, FlagKind>>;
  /** Flags of the real CLI that this engine leaves out, with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
  readonly positionals?: readonly [least: number, most: number];
}

export interface ParsedCommand {
  readonly name: CommandName;
  readonly positionals: readonly string[];
  has(flag: string): boolean;
  /** The last value given. */
  value(flag: string): string | undefined;
  list(flag: string): readonly string[];
  /** Undefined when the flag was not given. */
  bool(flag: string): boolean | undefined;
}

const POLICY_PACKS = "policy packs run on the real Pulumi CLI only";
const UPDATE_PLANS = "update plans are Pulumi's own format; a preview here is bound to the stack's serial instead";
const REMOTE = "remote operations need Pulumi Cloud";

const globalFlags = {
  color: "value",
  "non-interactive": "bool",
  stack: "value",
  verbose: "value",
  logtostderr: "bool",
  logflow: "bool",
} as const;
const globalRefusals = { tracing: "traces of an operation are those of the process it runs in" };

const operationFlags = {
  yes: "bool",
  message: "value",
  diff: "bool",
  target: "list",
  exclude: "list",
  "target-dependents": "bool",
  "exclude-dependents": "bool",
  parallel: "value",
  "exec-agent": "value",
  "exec-kind": "value",
  client: "value",
  "event-log": "value",
  "run-program": "bool",
  "config-file": "value",
  "suppress-outputs": "bool",
  "suppress-progress": "bool",
  debug: "bool",
  refresh: "bool",
} as const;
const operationRefusals = {
  "policy-pack": POLICY_PACKS,
  "policy-pack-config": POLICY_PACKS,
  plan: UPDATE_PLANS,
  "save-plan": UPDATE_PLANS,
  "import-file": "import files are not written by a preview",
  "attach-debugger": "a debugger attaches to the Node process that runs the program",
  remote: REMOTE,
};

const commands = {
  "stack init": { flags: { "secrets-provider": "value", "no-select": "bool" }, positionals: [0, 1] },
  "stack select": { flags: {}, positionals: [0, 1] },
  "stack ls": { flags: { json: "bool", all: "bool" } },
  "stack rm": {
    flags: { yes: "bool", force: "bool" },
    refused: { "preserve-config": "a stack's config is kept with the stack" },
    positionals: [0, 1],
  },
  "stack rename": { flags: {}, positionals: [1, 1] },
  "stack output": { flags: { json: "bool", "show-secrets": "bool" }, positionals: [0, 1] },
  "stack export": { flags: { "show-secrets": "bool", file: "value" } },
  "stack import": { flags: { file: "value", force: "bool" } },
  "stack history": { flags: { json: "bool", "show-secrets": "bool", "page-size": "value", page: "value" } },
  "stack unlock": { flags: { yes: "bool" } },
  "stack tag set": { flags: {}, positionals: [2, 2] },
  "stack tag get": { flags: {}, positionals: [1, 1] },
  "stack tag ls": { flags: { json: "bool" } },
  "stack tag rm": { flags: {}, positionals: [1, 1] },
  config: { flags: { json: "bool", "show-secrets": "bool" } },
  "config set": { flags: { path: "bool", plaintext: "bool", secret: "bool" }, positionals: [2, 2] },
  "config set-all": { flags: { path: "bool", plaintext: "list", secret: "list", json: "value" } },
  "config get": { flags: { path: "bool", json: "bool" }, positionals: [1, 1] },
  "config rm": { flags: { path: "bool" }, positionals: [1, 1] },
  "config rm-all": { flags: { path: "bool" }, positionals: [1, Number.POSITIVE_INFINITY] },
  "config refresh": { flags: { force: "bool" } },
  "config env add": { flags: { yes: "bool" }, positionals: [1, Number.POSITIVE_INFINITY] },
  "config env ls": { flags: { json: "bool" } },
  "config env rm": { flags: { yes: "bool" }, positionals: [1, 1] },
  preview: {
    flags: { ...operationFlags, "expect-no-changes": "bool", replace: "list" },
    refused: operationRefusals,
  },
  up: {
    flags: {
      ...operationFlags,
      "skip-preview": "bool",
      "expect-no-changes": "bool",
      replace: "list",
      "continue-on-error": "bool",
    },
    refused: operationRefusals,
  },
  refresh: {
    flags: {
      ...operationFlags,
      "skip-preview": "bool",
      "preview-only": "bool",
      "expect-no-changes": "bool",
      "clear-pending-creates": "bool",
    },
    refused: operationRefusals,
  },
  destroy: {
    flags: {
      ...operationFlags,
      "skip-preview": "bool",
      "preview-only": "bool",
      "continue-on-error": "bool",
      "exclude-protected": "bool",
    },
    refused: operationRefusals,
  },
  import: {
    flags: {
      yes: "bool",
      "skip-preview": "bool",
      message: "value",
      file: "value",
      protect: "bool",
      "generate-code": "bool",
      parallel: "value",
      "exec-kind": "value",
      "suppress-outputs": "bool",
      "suppress-progress": "bool",
      debug: "bool",
      "config-file": "value",
    },
    refused: {
      out: "program code is not generated; pass generateCode: false",
      from: "state of other tools is not converted",
    },
    positionals: [0, 3],
  },
  cancel: { flags: { yes: "bool" }, positionals: [0, 1] },
  whoami: { flags: { json: "bool" } },
  "plugin ls": { flags: { json: "bool" } },
  "plugin install": { flags: { server: "value" }, positionals: [3, 3] },
  "plugin rm": { flags: { yes: "bool" }, positionals: [0, 3] },
  install: {
    flags: { "no-plugins": "bool", "no-dependencies": "bool", reinstall: "bool", "use-language-version-tools": "bool" },
  },
  "org get-default": { flags: {} },
  "org set-default": { flags: {}, positionals: [1, 1] },
} as const satisfies Record<string, CommandSpec>;

export type CommandName = keyof typeof commands;
const specs: Readonly<Record<string, CommandSpec>> = commands;

/**
 * Reads one argument list of the Automation API; a flag that it lacks may be in the environment, as `PULUMI_OPTION_<FLAG>`.
 * @throws {CommandFailure} naming what is not understood.
 */
export function parseArguments(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): ParsedCommand {
  const { name, rest } = commandOf(args);
  const spec = specs[name] as CommandSpec;
  const kinds: Readonly<Record<string, FlagKind>> = { ...globalFlags, ...spec.flags };
  const refusals: Readonly<Record<string, string>> = { ...globalRefusals, ...spec.refused };
  const given = new Map<string, string[]>();
  const positionals: string[] = [];

  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] as string;
    if (word === "--") {
      positionals.push(...rest.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      positionals.push(word);
      continue;
    }
    if (!word.startsWith("--")) {
      throw new CommandFailure(ExitCode.Failed, `unknown shorthand flag in ${word}`);
    }
    const [flag, attached] = splitFlag(word);
    const kind = Object.hasOwn(kinds, flag) ? kinds[flag] : undefined;
    if (kind === undefined) {
      throw refusal(flag, refusals);
    }
    const value = attached ?? (kind === "bool" ? "true" : rest[++index]);
    if (value === undefined) {
      throw new CommandFailure(ExitCode.Failed, `flag needs an argument: --${flag}`);
    }
    if (kind === "bool" && value !== "true" && value !== "false") {
      throw new CommandFailure(ExitCode.Failed, `invalid argument "${value}" for "--${flag}" flag: true or false`);
    }
    given.set(flag, [...(given.get(flag) ?? []), value]);
  }

  for (const flag of [...Object.keys(kinds), ...Object.keys(refusals)]) {
    const value = env[`PULUMI_OPTION_${flag.replaceAll("-", "_").toUpperCase()}`];
    if (value !== undefined && !given.has(flag)) {
      addFromEnvironment(given, flag, kinds[flag], value, refusals);
    }
  }

  const [least, most] = spec.positionals ?? [0, 0];
  if (positionals.length < least || positionals.length > most) {
    const wanted = least === most ? `${least}` : `between ${least} and ${most}`;
    throw new CommandFailure(ExitCode.Failed, `accepts ${wanted} arg(s), received ${positionals.length}`);
  }
  return {
    name,
    positionals,
    has: (flag) => given.has(flag),
    value: (flag) => given.get(flag)?.at(-1),
    list: (flag) => given.get(flag) ?? [],
    bool: (flag) => {
      const value = given.get(flag)?.at(-1);
      return value === undefined ? undefined : value === "true";
    },
  };
}

function addFromEnvironment(
  given: Map<string, string[]>,
  flag: string,
  kind: FlagKind | undefined,
  value: string,
  refusals: Readonly<Record<string, string>>,
): void {
  switch (kind) {
    case undefined:
      throw refusal(flag, refusals);
    case "list":
      given.set(flag, value.split(","));
      return;
    case "value":
      given.set(flag, [value]);
      return;
    case "bool": {
      const bool = { true: "true", "1": "true", false: "false", "0": "false" }[value.toLowerCase()];
      if (bool) {
        given.set(flag, [bool]);
      }
    }
  }
}

function commandOf(args: readonly string[]): { name: CommandName; rest: readonly string[] } {
  for (const words of [3, 2, 1]) {
    const name = args.slice(0, words).join(" ");
    if (args.length >= words && Object.hasOwn(specs, name)) {
      return { name: name as CommandName, rest: args.slice(words) };
    }
  }
  const [first = "", second] = args;
  const isGroup = Object.keys(specs).some((name) => name.startsWith(`${first} `));
  const unknown = isGroup && second ? `"${second}" for "pulumi ${first}"` : `"${first}" for "pulumi"`;
  throw new CommandFailure(ExitCode.Failed, `unknown command ${unknown}`);
}

function splitFlag(word: string): [flag: string, attached: string | undefined] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word.slice(2), undefined] : [word.slice(2, equals), word.slice(equals + 1)];
}

function refusal(flag: string, refusals: Readonly<Record<string, string>>): CommandFailure {
  const known = Object.keys(refusals).find((name) => flag === name || (name === "remote" && flag.startsWith("remote-")));
  const reason = known === undefined ? undefined : refusals[known];
  return new CommandFailure(
    ExitCode.Failed,
    reason === undefined ? `unknown flag: --${flag}` : `--${flag} is not supported by the embedded engine: ${reason}`,
  );
}
