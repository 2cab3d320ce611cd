import { text as readAll } from "node:stream/consumers";
import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { ApiError } from "../../client/index.ts";
import type { Secret, SecretInput, SecretSource } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";
import { secretKind } from "../kinds/secret.ts";
import { defineGet, defineList } from "../nouns.ts";
import { outputOption, parseCount, previewOption, writeOutputOption, yesOption } from "../options.ts";
import type { View } from "../output/printer.ts";
import { showPlan } from "../preview.ts";
import { askSecret } from "../prompt.ts";
import { remove } from "../removal.ts";
import { parseVersion } from "./pin.ts";

export const secretsList = defineList("secrets", secretKind);
export const secretsGet = defineGet("secrets", secretKind);

export const secretsSet = defineCommand({
  path: "secrets set",
  group: "Resources",
  summary: "Give a secret its value, or say where it is kept",
  details:
    'Without an option the value is read from stdin, or asked for at a terminal: it is no argument, which others of this machine could see. A configuration names the secret in the place of a value: {"secretRef": "<name>"}.',
  examples: [
    "claw secrets set openai < key.txt",
    "claw secrets set openai --hold < next-key.txt",
    "claw secrets set openai --vault team/openai#apiKey",
    "claw secrets set openai --cluster-secret east/openai#api-key --refresh 60",
    "claw secrets set openai --env OPENAI_API_KEY",
  ],
  syntax: (command) =>
    command
      .argument("<secret>", "its name")
      .addOption(
        new Option("--vault <path#field>", "kept in Vault, below the tenant's folder")
          .argParser(parseVault)
          .conflicts(["env", "file", "clusterSecret"]),
      )
      .addOption(
        new Option("--cluster-secret <cluster/name#key>", "kept in a Secret of the tenant's namespace")
          .argParser(parseClusterSecret)
          .conflicts(["env", "file"]),
      )
      .addOption(new Option("--env <name>", "kept in the control plane's environment").conflicts("file"))
      .addOption(new Option("--file <path>", "kept in a file of the control plane's host"))
      .addOption(new Option("--hold", "nobody has it before a rollout brings it").conflicts(["env", "file", "clusterSecret", "vault"]))
      .addOption(new Option("--refresh <seconds>", "how often the source is read").argParser(parseCount(10, 86_400)))
      .addOption(new Option("--description <text>", "what it is for"))
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { vault, clusterSecret, env, file, hold, refresh, description, preview, output }, name) {
    const { claw, io, out, signal } = context;
    const source = sourceOf({ vault, clusterSecret, env, file });
    const former = await existing(context, name);
    const about = description ?? former?.spec.description;
    const { value: held, next } = former?.spec ?? {};
    if (hold && held === undefined) {
      throw usageError(`secret/${name} has no value of its own that another could come after`, `claw secrets set ${name} < key.txt`);
    }
    const given = source ? { source } : valuesOf(await valueFrom(io, name), hold ? held : undefined, next);
    const spec: SecretInput["spec"] = {
      ...(about !== undefined && { description: about }),
      refreshSeconds: refresh ?? former?.spec.refreshSeconds ?? REFRESH_SECONDS,
      ...given,
    };
    const version = former && { resourceVersion: former.metadata.resourceVersion };
    const manifest: SecretInput = { apiVersion: "clusterclaw.io/v1", kind: "Secret", metadata: { name, ...version }, spec };
    if (preview) {
      const plan = former
        ? await claw.secrets.replace(name, manifest, { preview: true, signal })
        : await claw.secrets.create(manifest, { preview: true, signal });
      return showPlan(context, plan, output);
    }
    const written = former ? await claw.secrets.replace(name, manifest, { signal }) : await claw.secrets.create(manifest, { signal });
    if (output) {
      return out.item(written, secretKind, output);
    }
    const { nextNumber } = written.status;
    return out.line(
      hold
        ? `secret/${name} has value ${nextNumber} to come: claw rollouts create NAME --secret ${name} --to ${nextNumber}`
        : `secret/${name} ${former ? "changed" : "created"}`,
    );
  },
});

export const secretsRotate = defineCommand({
  path: "secrets rotate",
  group: "Resources",
  summary: "Let everybody who uses a secret have the value that is to come",
  details: "At once: 'claw rollouts create' brings it in waves.",
  examples: ["claw secrets rotate openai --to 2 --preview", "claw secrets rotate openai --to 2"],
  syntax: (command) =>
    command
      .argument("<secret>", "its name")
      .addOption(new Option("--to <number>", "the number of that value").argParser(parseVersion).makeOptionMandatory())
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { to, preview, output }, name) {
    const { claw, out, signal } = context;
    if (preview) {
      return showPlan(context, await claw.secrets.rotate(name, { to }, { preview: true, signal }), output);
    }
    const secret = await claw.secrets.rotate(name, { to }, { signal });
    return output ? out.item(secret, secretKind, output) : out.line(`secret/${name} has value ${secret.status.number} for everybody`);
  },
});

type User = Awaited<ReturnType<Claw["secrets"]["users"]>>["items"][number];

const userView: View<User> = {
  name: ({ instance }) => `instance/${instance}`,
  columns: [
    { header: "TENANT", value: ({ tenant }) => tenant },
    { header: "INSTANCE", value: ({ instance }) => instance },
    { header: "PROJECT", value: ({ project }) => project },
  ],
};

export const secretsWhereUsed = defineCommand({
  path: "secrets where-used",
  group: "Resources",
  summary: "List the instances whose configuration names a secret",
  examples: ["claw secrets where-used openai", "claw secrets where-used openai -o json"],
  syntax: (command) => command.argument("<secret>", "its name").addOption(outputOption),
  async run({ claw, out, signal }, { output }, name) {
    const items: User[] = [];
    for await (const item of claw.secrets.users(name, { limit: 200 }, { signal })) {
      items.push(item);
    }
    await out.items(items, userView, output);
  },
});

export const secretsRefresh = defineCommand({
  path: "secrets refresh",
  group: "Resources",
  summary: "Read a secret's source now",
  details: "Those who use it get what it gives, when that is another value.",
  examples: ["claw secrets refresh openai"],
  syntax: (command) => command.argument("<secret>", "its name").addOption(outputOption),
  async run({ claw, out, signal }, { output }, name) {
    const secret = await claw.secrets.refresh(name, { signal });
    if (output) {
      return out.item(secret, secretKind, output);
    }
    const [available] = secret.status.conditions;
    return out.line(`secret/${name} ${available?.status === "True" ? "is available" : `is not: ${available?.message}`}`);
  },
});

export const secretsDelete = defineCommand({
  path: "secrets delete",
  group: "Resources",
  summary: "Delete a secret that nothing names any more",
  examples: ["claw secrets delete openai", "claw secrets delete openai --yes"],
  syntax: (command) => command.argument("<secret>", "its name").addOption(previewOption).addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: secretKind, name }], options),
});

const REFRESH_SECONDS = 300;

/** What a secret is to have: a new value, or one that comes after the one that it has. */
function valuesOf(given: string, held: string | undefined, next: string | undefined): Pick<SecretInput["spec"], "value" | "next"> {
  return held === undefined ? { value: given, ...(next !== undefined && { next }) } : { value: held, next: given };
}

interface Sources {
  readonly vault: SecretSource | undefined;
  readonly clusterSecret: SecretSource | undefined;
  readonly env: string | undefined;
  readonly file: string | undefined;
}

function sourceOf({ vault, clusterSecret, env, file }: Sources): SecretSource | undefined {
  return vault ?? clusterSecret ?? (env !== undefined ? { env } : file !== undefined ? { file } : undefined);
}

/** Without the end of a line that an editor or `echo` puts behind it. */
async function valueFrom(io: Context["io"], name: string): Promise<string> {
  const value = io.stdin.isTTY
    ? await askSecret(io, `Value of secret/${name}`, "its value on stdin")
    : (await readAll(io.stdin)).replace(/\r?\n$/, "");
  if (value === "") {
    throw usageError("the value is empty", `claw secrets set ${name} < key.txt`);
  }
  return value;
}

function parseVault(text: string): SecretSource {
  const [path = "", field = "value", ...more] = text.split("#");
  if (path === "" || field === "" || more.length > 0) {
    throw usageError(`'${text}' is no place in Vault`, "--vault team/openai#apiKey");
  }
  return { vault: { path, field } };
}

function parseClusterSecret(text: string): SecretSource {
  const [, cluster, name, key] = /^([^/#]+)\/([^/#]+)#([^#]+)$/.exec(text) ?? [];
  if (cluster === undefined || name === undefined || key === undefined) {
    throw usageError(`'${text}' is no key of a Secret`, "--cluster-secret east/openai#api-key");
  }
  return { kubernetes: { cluster, name, key } };
}

async function existing({ claw, signal }: Context, name: string): Promise<Secret | undefined> {
  try {
    return await claw.secrets.get(name, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === "secret.not_found") {
      return undefined;
    }
    throw error;
  }
}
