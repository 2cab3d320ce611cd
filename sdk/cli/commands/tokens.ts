import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption, parseCount } from "../options.ts";
import { formatAge, formatDuration } from "../output/age.ts";
import type { View } from "../output/printer.ts";

type Token = Awaited<ReturnType<Claw["tokens"]["list"]>>["items"][number];

const view: View<Token> = {
  name: ({ id }) => `token/${id}`,
  columns: [
    { header: "ID", value: ({ id }) => id },
    { header: "NAME", value: ({ name }) => name },
    { header: "SERVICE ACCOUNT", value: ({ serviceAccount }) => serviceAccount },
    { header: "STATE", value: stateOf },
    { header: "LAST USED", value: ({ lastUsedAt }) => (lastUsedAt === undefined ? "never" : `${formatAge(lastUsedAt)} ago`) },
    { header: "BEGINS", wide: true, value: ({ prefix }) => `${prefix}…` },
    { header: "SCOPES", wide: true, value: ({ scopes }) => scopes?.join(",") ?? "all" },
    { header: "MADE BY", wide: true, value: ({ createdBy }) => createdBy },
  ],
};

function stateOf({ revokedAt, expiresAt }: Token): string {
  if (revokedAt !== undefined) {
    return `revoked ${formatAge(revokedAt)} ago`;
  }
  const leftMs = Date.parse(expiresAt) - Date.now();
  return leftMs > 0 ? `expires in ${formatDuration(leftMs)}` : `expired ${formatAge(expiresAt)} ago`;
}

export const tokensList = defineCommand({
  path: "tokens list",
  group: "Access",
  summary: "List tokens of service accounts",
  examples: ["claw tokens list", "claw tokens list --service-account ci -o wide"],
  syntax: (command) => command.addOption(new Option("--service-account <name>", "only this one's")).addOption(outputOption),
  async run({ claw, out, signal }, { serviceAccount, output }) {
    const items: Token[] = [];
    for await (const item of claw.tokens.list({ limit: 200, ...(serviceAccount === undefined ? {} : { serviceAccount }) }, { signal })) {
      items.push(item);
    }
    await out.items(items, view, output);
  },
});

type Scopes = Parameters<Claw["tokens"]["create"]>[0]["scopes"];

export const tokensCreate = defineCommand({
  path: "tokens create",
  group: "Access",
  summary: "Make a token for a service account",
  details:
    "The token goes to stdout, once, and is kept nowhere; everything else goes to stderr. It may do what its service account may, or, with --scope, only those of that.",
  examples: [
    "claw tokens create ci --service-account deployer > token",
    "claw tokens create metrics --service-account reader --scope instances.read --days 30",
  ],
  syntax: (command) =>
    command
      .argument("<name>", "what it is for")
      .addOption(new Option("--service-account <name>", "whose it is").makeOptionMandatory())
      .addOption(new Option("--scope <permission...>", "no more than this; repeatable"))
      .addOption(new Option("--days <days>", "how long it is good for").argParser(parseCount(1, 3650))),
  async run({ claw, out, signal }, { serviceAccount, scope, days }, name) {
    const made = await claw.tokens.create(
      {
        name,
        serviceAccount,
        // The service says which there are.
        ...(scope === undefined ? {} : { scopes: scope as Scopes }),
        ...(days === undefined ? {} : { expiresInDays: days }),
      },
      { signal },
    );
    out.note(
      `token '${name}' (${made.id}) of the service account '${serviceAccount}', until ${made.expiresAt.slice(0, 10)}; it is shown this once`,
    );
    await out.line(made.token);
  },
});

export const tokensRevoke = defineCommand({
  path: "tokens revoke",
  group: "Access",
  summary: "Revoke a token: it is refused from now on",
  examples: ["claw tokens revoke tok_1CtX9u2PZvmMQxvHs3hZ7W"],
  syntax: (command) => command.argument("<id>", "its id: see claw tokens list"),
  async run({ claw, out, signal }, _options, id) {
    await claw.tokens.revoke(id, { signal });
    await out.line(`token/${id} revoked`);
  },
});
