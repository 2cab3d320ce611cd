import type { CommandDefinition } from "./command.ts";

/** The commands by their first word, in the order of the help. */
const modules: Readonly<Record<string, () => Promise<readonly CommandDefinition[]>>> = {
  create: () => import("./commands/create.ts").then(({ createCommand }) => [createCommand]),
  start: () => import("./commands/start.ts").then(({ startCommand }) => [startCommand]),
  stop: () => import("./commands/stop.ts").then(({ stopCommand }) => [stopCommand]),
  restart: () => import("./commands/restart.ts").then(({ restartCommand }) => [restartCommand]),
  destroy: () => import("./commands/destroy.ts").then(({ destroyCommand }) => [destroyCommand]),
  pin: () => import("./commands/pin.ts").then(({ pinCommand }) => [pinCommand]),
  kill: () => import("./commands/kill.ts").then(({ killCommand }) => [killCommand]),
  logs: () => import("./commands/logs.ts").then(({ logsCommand }) => [logsCommand]),
  events: () => import("./commands/events.ts").then(({ eventsCommand }) => [eventsCommand]),
  operations: () => import("./commands/operations.ts").then(({ operationsCommand }) => [operationsCommand]),
  apply: () => import("./commands/apply.ts").then(({ applyCommand }) => [applyCommand]),
  diff: () => import("./commands/diff.ts").then(({ diffCommand }) => [diffCommand]),
  delete: () => import("./commands/delete.ts").then(({ deleteCommand }) => [deleteCommand]),
  get: () => import("./commands/get.ts").then(({ getCommand }) => [getCommand]),
  describe: () => import("./commands/describe.ts").then(({ describeCommand }) => [describeCommand]),
  tenants: async () => {
    const module = await import("./commands/tenants.ts");
    return [module.tenantsList, module.tenantsCreate, module.tenantsGet, module.tenantsDelete, module.tenantsQuota];
  },
  projects: async () => {
    const module = await import("./commands/projects.ts");
    return [module.projectsList, module.projectsCreate, module.projectsGet, module.projectsDelete];
  },
  policies: async () => {
    const module = await import("./commands/policies.ts");
    return [module.policiesList, module.policiesGet, module.policiesTest];
  },
  rollouts: async () => {
    const module = await import("./commands/rollouts.ts");
    return [
      module.rolloutsList,
      module.rolloutsCreate,
      module.rolloutsGet,
      module.rolloutsInstances,
      module.rolloutsWatch,
      module.rolloutsPause,
      module.rolloutsResume,
      module.rolloutsApprove,
      module.rolloutsAbort,
      module.rolloutsRetry,
      module.rolloutsDelete,
    ];
  },
  configs: async () => {
    const module = await import("./commands/configs.ts");
    const { configsCheck } = await import("./commands/consistency.ts");
    return [
      module.configsList,
      module.configsCreate,
      module.configsUpdate,
      module.configsGet,
      module.configsVersions,
      module.configsPublish,
      module.configsValidate,
      module.configsDiff,
      configsCheck,
      module.configsRollback,
      module.configsPromote,
      module.configsSchema,
      module.configsDelete,
    ];
  },
  config: async () => {
    const { configExplain } = await import("./commands/config.ts");
    const { configAdopt, configIgnore, configRevert } = await import("./commands/consistency.ts");
    return [configExplain, configRevert, configAdopt, configIgnore];
  },
  values: async () => {
    const module = await import("./commands/values.ts");
    return [module.valuesList, module.valuesGet, module.valuesSet, module.valuesUnset, module.valuesDelete];
  },
  secrets: async () => {
    const module = await import("./commands/secrets.ts");
    return [
      module.secretsList,
      module.secretsGet,
      module.secretsSet,
      module.secretsRotate,
      module.secretsWhereUsed,
      module.secretsRefresh,
      module.secretsDelete,
    ];
  },
  clusters: async () => {
    const module = await import("./commands/clusters.ts");
    return [module.clustersList, module.clustersCreate, module.clustersGet, module.clustersDrain, module.clustersDelete];
  },
  leftovers: () => import("./commands/leftovers.ts").then(({ leftoversCommand }) => [leftoversCommand]),
  stack: async () => {
    const module = await import("./commands/stack.ts");
    return [
      module.stackExport,
      module.stackImport,
      module.stackHistory,
      module.stackRefresh,
      module.stackCancel,
      module.stackUnlock,
      module.stackMigrate,
    ];
  },
  types: () => import("./commands/types.ts").then(({ typesCommand, typesDescribe, typesGet }) => [typesCommand, typesDescribe, typesGet]),
  adopt: () => import("./commands/adopt.ts").then(({ adoptCommand }) => [adoptCommand]),
  adapter: () => import("./commands/adapter.ts").then(({ adapterTest }) => [adapterTest]),
  chat: () => import("./commands/chat.ts").then(({ chatCommand }) => [chatCommand]),
  console: () => import("./commands/console.ts").then(({ consoleCommand }) => [consoleCommand]),
  connect: () => import("./commands/connect.ts").then(({ connectCommand }) => [connectCommand]),
  open: () => import("./commands/open.ts").then(({ openCommand }) => [openCommand]),
  mcp: () => import("./commands/mcp.ts").then(({ mcpCommand }) => [mcpCommand]),
  tokens: async () => {
    const module = await import("./commands/tokens.ts");
    return [module.tokensList, module.tokensCreate, module.tokensRevoke];
  },
  audit: async () => {
    const module = await import("./commands/audit.ts");
    return [module.auditList, module.auditTail, module.auditVerify, module.auditExport];
  },
  recordings: async () => {
    const module = await import("./commands/recordings.ts");
    return [module.recordingsList, module.recordingsGet, module.recordingsPlay, module.recordingsVerify];
  },
  auth: async () => {
    const module = await import("./commands/auth.ts");
    return [module.authCanI, module.authWhoami, module.authRoles, module.authSessions, module.authEndSession, module.authRetireAdmin];
  },
  login: () => import("./commands/login.ts").then(({ loginCommand }) => [loginCommand]),
  logout: () => import("./commands/logout.ts").then(({ logoutCommand }) => [logoutCommand]),
  status: () => import("./commands/status.ts").then(({ statusCommand }) => [statusCommand]),
  version: () => import("./commands/version.ts").then(({ versionCommand }) => [versionCommand]),
  completion: () => import("./commands/completion.ts").then(({ completionCommand }) => [completionCommand]),
};

/** The commands that a command line can be about: those of its first word, so that nothing else is loaded, or all. */
export async function commandsFor(word = ""): Promise<readonly CommandDefinition[]> {
  const load = Object.hasOwn(modules, word) ? modules[word] : undefined;
  return load ? load() : (await Promise.all(Object.values(modules).map((loadEach) => loadEach()))).flat();
}

/** What the groups of commands, `claw <noun>`, say of themselves. */
export const nouns: Readonly<Record<string, string>> = {
  tenants: "Tenants and their quotas",
  projects: "Projects of a tenant",
  configs: "Config templates: drafts, versions, publishing",
  config: "What an instance is configured with",
  adapter: "Claw types before they are brought",
  values: "Config values that many instances share",
  rollouts: "Versions on their way to instances, in waves",
  policies: "What instances have to comply with",
  clusters: "Kubernetes clusters that instances run on",
  stack: "The Pulumi stacks behind tenants, for the platform's operators",
  tokens: "Tokens of service accounts",
  audit: "Who did what, and whether that is all of it",
  recordings: "What terminals inside instances have shown",
  auth: "Who one is, and what one may do",
  "stack engine": "Which engine keeps a stack and runs its operations",
};
