import { describe, it } from "vitest";
import { parseArguments } from "../../../../adapters/engine/command/arguments.ts";

const INLINE = "--client=127.0.0.1:4000 --exec-kind auto.inline";
const EVENTS = "--event-log tcp://127.0.0.1:4001";
const UPDATE_OPTIONS =
  "--message M --expect-no-changes --refresh --diff --replace u1 --replace u2 --target t1 --exclude x1 --target-dependents " +
  "--exclude-dependents --parallel 4 --exec-agent UA --color never --run-program=true --config-file F --suppress-outputs " +
  "--suppress-progress --debug --verbose 3 --logtostderr --logflow";

/** Every argument list that the Automation API makes, as its commands receive it. */
const understood: { call: string; args: string | string[]; command: string; positionals?: string[]; flags?: object }[] = [
  {
    call: "createStack",
    args: "stack init s1 --secrets-provider passphrase --no-select",
    command: "stack init",
    positionals: ["s1"],
    flags: { "secrets-provider": ["passphrase"] },
  },
  { call: "selectStack", args: "stack select --stack s1", command: "stack select", flags: { stack: ["s1"] } },
  {
    call: "setAllConfig",
    args: ["config", "set-all", "--stack", "s1", "--path", "--plaintext", "a=b c", "--plaintext", "d=", "--secret", "k=v=w"],
    command: "config set-all",
    flags: { plaintext: ["a=b c", "d="], secret: ["k=v=w"] },
  },
  {
    call: "setAllConfigJson",
    args: ["config", "set-all", "--stack", "s1", "--json", '{"p:k":{"value":"1"}}'],
    command: "config set-all",
    flags: { json: ['{"p:k":{"value":"1"}}'] },
  },
  {
    call: "setConfig",
    args: ["config", "set", "--path", "k", "--stack", "s1", "--secret", "--non-interactive", "--", "-x y --z"],
    command: "config set",
    positionals: ["k", "-x y --z"],
    flags: { secret: ["true"] },
  },
  { call: "getConfig", args: "config get --path k --json --stack s1", command: "config get", positionals: ["k"] },
  { call: "getAllConfig", args: "config --show-secrets --json --stack s1", command: "config", flags: { "show-secrets": ["true"] } },
  { call: "removeConfig", args: "config rm k --stack s1 --path", command: "config rm", positionals: ["k"] },
  { call: "removeAllConfig", args: "config rm-all --stack s1 --path k1 k2", command: "config rm-all", positionals: ["k1", "k2"] },
  { call: "refreshConfig", args: "config refresh --force --stack s1", command: "config refresh" },
  {
    call: "preview",
    args: `preview ${UPDATE_OPTIONS} ${INLINE} ${EVENTS} --stack s1`,
    command: "preview",
    flags: { replace: ["u1", "u2"], client: ["127.0.0.1:4000"] },
  },
  {
    call: "up",
    args: `up --yes --skip-preview ${UPDATE_OPTIONS} --continue-on-error ${INLINE} ${EVENTS} --stack s1`,
    command: "up",
    flags: { "event-log": ["tcp://127.0.0.1:4001"] },
  },
  {
    call: "refresh",
    args: `refresh --skip-preview --yes --clear-pending-creates --message M --target t1 ${EVENTS} ${INLINE} --stack s1`,
    command: "refresh",
  },
  { call: "refresh with previewOnly", args: `refresh --preview-only --expect-no-changes ${INLINE} --stack s1`, command: "refresh" },
  {
    call: "previewRefresh",
    args: `refresh --preview-only --run-program=false ${INLINE} ${EVENTS} --stack s1`,
    command: "refresh",
    flags: { "run-program": ["false"] },
  },
  {
    call: "destroy",
    args: `destroy --yes --skip-preview --exclude-protected --refresh --continue-on-error ${EVENTS} ${INLINE} --stack s1`,
    command: "destroy",
  },
  {
    call: "previewDestroy",
    args: `destroy --preview-only --target t1 --target-dependents ${INLINE} ${EVENTS} --stack s1`,
    command: "destroy",
  },
  { call: "outputs", args: "stack output --json --show-secrets --stack s1", command: "stack output" },
  {
    call: "history",
    args: "stack history --json --show-secrets --page-size 2 --page 1 --stack s1",
    command: "stack history",
    flags: { "page-size": ["2"] },
  },
  { call: "exportStack", args: "stack export --show-secrets --stack s1", command: "stack export" },
  { call: "importStack", args: "stack import --file /tmp/f --stack s1", command: "stack import", flags: { file: ["/tmp/f"] } },
  { call: "cancel", args: "cancel --yes --stack s1", command: "cancel" },
  { call: "removeStack", args: "stack rm --yes --force s1", command: "stack rm", positionals: ["s1"] },
  { call: "listStacks", args: "stack ls --json --all", command: "stack ls" },
  { call: "whoAmI", args: "whoami --json", command: "whoami" },
  { call: "setTag", args: ["stack", "tag", "set", "k", "a b", "--stack", "s1"], command: "stack tag set", positionals: ["k", "a b"] },
  { call: "getTag", args: "stack tag get k --stack s1", command: "stack tag get", positionals: ["k"] },
  { call: "listTags", args: "stack tag ls --json --stack s1", command: "stack tag ls" },
  { call: "removeTag", args: "stack tag rm k --stack s1", command: "stack tag rm", positionals: ["k"] },
  { call: "rename", args: "stack rename s2 --stack s1", command: "stack rename", positionals: ["s2"] },
  { call: "listPlugins", args: "plugin ls --json", command: "plugin ls" },
  { call: "installPlugin", args: "plugin install resource n v1.0.0", command: "plugin install", positionals: ["resource", "n", "v1.0.0"] },
  {
    call: "installPluginFromServer",
    args: "plugin install resource n v1.0.0 --server http://s",
    command: "plugin install",
    positionals: ["resource", "n", "v1.0.0"],
  },
  { call: "removePlugin", args: "plugin rm resource n 1.0.0 --yes", command: "plugin rm", positionals: ["resource", "n", "1.0.0"] },
  { call: "install", args: "install --no-plugins --no-dependencies --reinstall --use-language-version-tools", command: "install" },
  {
    call: "import",
    args: "import --yes --skip-preview --message M --file F --generate-code=false --protect=false --stack s1",
    command: "import",
    flags: { protect: ["false"] },
  },
  { call: "orgGetDefault", args: "org get-default", command: "org get-default" },
  { call: "orgSetDefault", args: "org set-default -- o1", command: "org set-default", positionals: ["o1"] },
  { call: "addEnvironments", args: "config env add e1 e2 --stack s1 --yes", command: "config env add", positionals: ["e1", "e2"] },
  { call: "listEnvironments", args: "config env ls --stack s1 --json", command: "config env ls" },
  { call: "removeEnvironment", args: "config env rm e1 --stack s1 --yes", command: "config env rm", positionals: ["e1"] },
];

const refused: { what: string; args: string; message: string }[] = [
  { what: "an unknown command", args: "frob", message: 'unknown command "frob" for "pulumi"' },
  { what: "an unknown subcommand", args: "stack frob", message: 'unknown command "frob" for "pulumi stack"' },
  { what: "an unknown flag", args: "up --bogus", message: "unknown flag: --bogus" },
  { what: "a flag of another command", args: "preview --skip-preview", message: "unknown flag: --skip-preview" },
  { what: "a name that every object has", args: "up --constructor", message: "unknown flag: --constructor" },
  { what: "policy packs", args: "up --policy-pack p", message: "--policy-pack is not supported by the embedded engine" },
  { what: "policy pack config", args: "up --policy-pack-config c", message: "--policy-pack-config is not supported" },
  { what: "applying a plan", args: "up --plan p", message: "--plan is not supported" },
  { what: "saving a plan", args: "preview --save-plan p", message: "--save-plan is not supported" },
  { what: "writing an import file", args: "preview --import-file f", message: "--import-file is not supported" },
  { what: "attaching a debugger", args: "up --attach-debugger", message: "--attach-debugger is not supported" },
  { what: "remote operations", args: "up --remote", message: "--remote is not supported" },
  { what: "options of remote operations", args: "up --remote-env A=b", message: "--remote-env is not supported" },
  { what: "tracing", args: "up --tracing t", message: "--tracing is not supported" },
  { what: "generated code", args: "import --out f", message: "--out is not supported" },
  { what: "converters", args: "import --from terraform", message: "--from is not supported" },
  { what: "keeping config of a removed stack", args: "stack rm --preserve-config s1", message: "--preserve-config is not supported" },
  { what: "a flag without its value", args: "up --message", message: "flag needs an argument: --message" },
  { what: "a boolean that is neither", args: "up --diff=maybe", message: 'invalid argument "maybe" for "--diff" flag' },
  { what: "a missing positional", args: "stack rename", message: "accepts 1 arg(s), received 0" },
  { what: "a shorthand", args: "up -y", message: "unknown shorthand flag in -y" },
];

describe("parseArguments", () => {
  for (const { call, args, command, positionals = [], flags = {} } of understood) {
    it(`understands ${call}`, async ({ expect }) => {
      const parsed = parseArguments(typeof args === "string" ? args.split(" ") : args);
      expect(parsed.name).toBe(command);
      expect(parsed.positionals).toEqual(positionals);
      for (const [flag, values] of Object.entries(flags)) {
        expect(parsed.list(flag)).toEqual(values);
      }
    });
  }

  for (const { what, args, message } of refused) {
    it(`refuses ${what} and names it`, async ({ expect }) => {
      expect(() => parseArguments(args.split(" "))).toThrow(expect.objectContaining({ exitCode: 1 }));
      expect(() => parseArguments(args.split(" "))).toThrow(message);
    });
  }

  it("takes a flag's value behind an equals sign too", async ({ expect }) => {
    const parsed = parseArguments(["up", "--message=a=b", "--parallel=3", "--refresh=false"]);
    expect(parsed.value("message")).toBe("a=b");
    expect(parsed.value("parallel")).toBe("3");
    expect(parsed.bool("refresh")).toBe(false);
    expect(parsed.bool("diff")).toBeUndefined();
  });
});
