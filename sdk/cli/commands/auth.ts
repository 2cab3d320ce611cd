import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { type Permission, permissions, roles } from "../../contract/permissions.ts";
import { defineCommand } from "../command.ts";
import { ExitCode, usageError } from "../failure.ts";
import { outputOption } from "../options.ts";
import { formatAge, formatDuration } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import { findKind, resourceKinds } from "../resources.ts";

/** Words of the command line for what is done with a kind. */
const VERBS: Readonly<Record<string, "read" | "write">> = {
  get: "read",
  list: "read",
  describe: "read",
  diff: "read",
  create: "write",
  apply: "write",
  update: "write",
  delete: "write",
  destroy: "write",
};
const INSTANCE_VERBS: Readonly<Record<string, Permission>> = {
  start: "instances.operate",
  stop: "instances.operate",
  restart: "instances.operate",
  kill: "instances.operate",
  logs: "instances.logs",
  console: "instances.console",
  connect: "instances.connect",
  open: "instances.connect",
  chat: "instances.chat",
};
/** The permission that a command takes: `create instance`, `logs`, or a permission itself. */
function permissionOf(verb: string, word: string | undefined): Permission {
  if (Object.hasOwn(permissions, verb)) {
    return verb as Permission;
  }
  const kind = word === undefined ? undefined : findKind(word.split("/")[0] ?? "");
  const own = INSTANCE_VERBS[verb];
  if (own && (kind === undefined || kind.kind === "ClawInstance")) {
    return own;
  }
  const how = VERBS[verb];
  if (!how) {
    const known = [...Object.keys(VERBS), ...Object.keys(INSTANCE_VERBS)].join(", ");
    throw usageError(`'${verb}' is nothing that is asked for`, `use one of ${known}, or a permission such as instances.write`);
  }
  if (!kind) {
    throw usageError(
      "say what it is done with",
      `claw auth can-i ${verb} <kind>; kinds: ${resourceKinds.map((known) => known.word).join(", ")}`,
    );
  }
  return `${kind.permissions}.${how}`;
}

export const authCanI = defineCommand({
  path: "auth can-i",
  group: "Access",
  summary: "Say whether one may do a thing, and why",
  details: "Exits with 0 for yes and 1 for no.",
  examples: ["claw auth can-i create instance -p web", "claw auth can-i console", "claw auth can-i instances.write"],
  syntax: (command) =>
    command
      .argument("<verb>", "what a command is called, or a permission")
      .argument("[kind]", "of resource")
      .addOption(new Option("-p, --project <name>", "in this project; in the tenant as a whole otherwise")),
  async run(context, { project }, verb, word) {
    const { claw, out, signal } = context;
    const permission = permissionOf(verb, word);
    const { allowed, reason } = await claw.access.canI({ permission, ...(project === undefined ? {} : { project }) }, { signal });
    await out.line(`${allowed ? "yes" : "no"}: ${reason}`);
    context.exitCode = allowed ? ExitCode.Ok : ExitCode.Failure;
  },
});

type Me = Awaited<ReturnType<Claw["access"]["me"]>>;

export const authWhoami = defineCommand({
  path: "auth whoami",
  group: "Access",
  summary: "Say who one is, and what one may do",
  examples: ["claw auth whoami", "claw auth whoami -o json"],
  syntax: (command) => command.addOption(outputOption),
  async run({ claw, out, signal }, { output }) {
    await out.item(await claw.access.me({ signal }), meView, output);
  },
});

const meView: View<Me> = {
  name: ({ subject }) => `subject/${subject}`,
  columns: [
    { header: "SUBJECT", value: ({ subject }) => subject },
    { header: "TENANT", value: ({ tenant }) => tenant ?? "-" },
    { header: "EVERYWHERE", value: ({ permissions: { platform } }) => countOf(platform) },
    { header: "IN THE TENANT", value: ({ permissions: { tenant } }) => countOf(tenant) },
    {
      header: "IN PROJECTS",
      value: ({ permissions: { projects } }) =>
        Object.entries(projects)
          .map(([name, given]) => `${name}: ${given.length}`)
          .join(", ") || "-",
    },
    { header: "GROUPS", wide: true, value: ({ groups }) => groups.join(",") || "-" },
    { header: "TENANTS", wide: true, value: ({ tenants }) => tenants.join(",") || "-" },
  ],
};

function countOf(given: readonly unknown[]): string {
  const all = Object.keys(permissions).length;
  return given.length === 0 ? "-" : given.length === all ? "everything" : `${given.length} permissions`;
}

interface KnownRole {
  readonly name: string;
  readonly summary: string;
  readonly permissions: readonly Permission[];
}

const roleView: View<KnownRole> = {
  name: ({ name }) => `role/${name}`,
  columns: [
    { header: "ROLE", value: ({ name }) => name },
    { header: "FOR WHOM", value: ({ summary }) => summary },
    { header: "PERMISSIONS", wide: true, value: (role) => role.permissions.join(",") },
  ],
};

export const authRoles = defineCommand({
  path: "auth roles",
  group: "Access",
  summary: "List the roles that are always there",
  details: "Roles of one's own are resources: 'claw get roles'.",
  examples: ["claw auth roles -o wide"],
  syntax: (command) => command.addOption(outputOption),
  run: async ({ out }, { output }) =>
    out.items(
      Object.entries(roles).map(([name, facts]) => ({ name, ...facts })),
      roleView,
      output,
    ),
});

type Session = Awaited<ReturnType<Claw["sessions"]["list"]>>["items"][number];

const sessionView: View<Session> = {
  name: ({ id }) => `session/${id}`,
  columns: [
    { header: "ID", value: ({ id }) => id },
    { header: "FORM", value: ({ form }) => form },
    { header: "SIGNED IN BY", value: ({ by }) => by },
    { header: "LAST USED", value: ({ lastUsedAt }) => `${formatAge(lastUsedAt)} ago` },
    { header: "ENDS IN", value: ({ expiresAt }) => formatDuration(Math.max(0, Date.parse(expiresAt) - Date.now())) },
    { header: "FROM", value: ({ address }) => address ?? "-" },
    { header: "PROGRAM", wide: true, value: ({ agent }) => agent ?? "-" },
  ],
};

export const authSessions = defineCommand({
  path: "auth sessions",
  group: "Access",
  summary: "List one's sessions: the browsers and phones where one is signed in",
  examples: ["claw auth sessions", "claw auth sessions --subject corp:alice@example.com -o wide"],
  syntax: (command) =>
    command.addOption(new Option("--subject <name>", "somebody else's: takes access.read on the platform")).addOption(outputOption),
  async run({ claw, out, signal }, { subject, output }) {
    const { items } = await claw.sessions.list(subject === undefined ? {} : { subject }, { signal });
    await out.items(items, sessionView, output);
  },
});

export const authEndSession = defineCommand({
  path: "auth end-session",
  group: "Access",
  summary: "End a session: whoever has it is signed out from now on",
  examples: ["claw auth end-session ses_1CtX9u2PZvmMQxvHs3hZ7W"],
  syntax: (command) => command.argument("<id>", "its id: see claw auth sessions"),
  async run({ claw, out, signal }, _options, id) {
    await claw.sessions.end(id, { signal });
    await out.line(`session/${id} ended`);
  },
});

export const authRetireAdmin = defineCommand({
  path: "auth retire-admin",
  group: "Access",
  summary: "Retire the administrator's token",
  details:
    "It is refused from now on. Who asks must be platform-admin by a role binding, which shows that nobody is locked out. On the service's host 'claw-server token reset' makes another.",
  examples: ["claw auth retire-admin"],
  syntax: (command) => command,
  async run({ claw, out, signal }) {
    await claw.access.retireAdministrator({ signal });
    out.note("the administrator's token is refused from now on");
  },
});
