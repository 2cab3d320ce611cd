import type { CommandDefinition } from "./command.ts";
import { applyCommand } from "./commands/apply.ts";
import { chatCommand } from "./commands/chat.ts";
import { clustersCreate, clustersDelete, clustersDrain, clustersGet, clustersList } from "./commands/clusters.ts";
import { completionCommand } from "./commands/completion.ts";
import {
  configsCreate,
  configsDelete,
  configsGet,
  configsList,
  configsPublish,
  configsValidate,
  configsVersions,
} from "./commands/configs.ts";
import { connectCommand } from "./commands/connect.ts";
import { consoleCommand } from "./commands/console.ts";
import { createCommand } from "./commands/create.ts";
import { deleteCommand } from "./commands/delete.ts";
import { describeCommand } from "./commands/describe.ts";
import { destroyCommand } from "./commands/destroy.ts";
import { diffCommand } from "./commands/diff.ts";
import { eventsCommand } from "./commands/events.ts";
import { getCommand } from "./commands/get.ts";
import { killCommand } from "./commands/kill.ts";
import { leftoversCommand } from "./commands/leftovers.ts";
import { loginCommand } from "./commands/login.ts";
import { logsCommand } from "./commands/logs.ts";
import { projectsCreate, projectsDelete, projectsGet, projectsList } from "./commands/projects.ts";
import { restartCommand } from "./commands/restart.ts";
import { stackCancel, stackExport, stackHistory, stackImport, stackMigrate, stackRefresh, stackUnlock } from "./commands/stack.ts";
import { startCommand } from "./commands/start.ts";
import { stopCommand } from "./commands/stop.ts";
import { tenantsCreate, tenantsDelete, tenantsGet, tenantsList, tenantsQuota } from "./commands/tenants.ts";
import { typesCommand } from "./commands/types.ts";
import { versionCommand } from "./commands/version.ts";

/** Every command, in the order of the help. */
export const commands: readonly CommandDefinition[] = [
  createCommand,
  startCommand,
  stopCommand,
  restartCommand,
  destroyCommand,
  killCommand,
  logsCommand,
  eventsCommand,
  applyCommand,
  diffCommand,
  deleteCommand,
  getCommand,
  describeCommand,
  tenantsList,
  tenantsCreate,
  tenantsGet,
  tenantsDelete,
  tenantsQuota,
  projectsList,
  projectsCreate,
  projectsGet,
  projectsDelete,
  configsList,
  configsCreate,
  configsGet,
  configsVersions,
  configsPublish,
  configsValidate,
  configsDelete,
  clustersList,
  clustersCreate,
  clustersGet,
  clustersDrain,
  clustersDelete,
  leftoversCommand,
  stackExport,
  stackImport,
  stackHistory,
  stackRefresh,
  stackCancel,
  stackUnlock,
  stackMigrate,
  typesCommand,
  chatCommand,
  consoleCommand,
  connectCommand,
  loginCommand,
  versionCommand,
  completionCommand,
];

/** What the groups of commands, `claw <noun>`, say of themselves. */
export const nouns: Readonly<Record<string, string>> = {
  tenants: "Tenants and their quotas",
  projects: "Projects of a tenant",
  configs: "Config templates: drafts, versions, publishing",
  clusters: "Kubernetes clusters that instances run on",
  stack: "The Pulumi stacks behind tenants, for the platform's operators",
  "stack engine": "Which engine keeps a stack and runs its operations",
};
