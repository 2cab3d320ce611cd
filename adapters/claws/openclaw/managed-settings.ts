import { isKeyWithin } from "../../../sdk/contract/index.ts";
import type { ClawIssue } from "../../../service/application/ports/instances/claw-adapter.ts";
import { type ConfigTree, removeAt, setAt, valueAt } from "../../../service/domain/configs/config-path.ts";

export const GATEWAY_TOKEN_ENV = "OPENCLAW_GATEWAY_TOKEN";
/** OpenClaw substitutes these itself, so that the file reads the same in a preview and on every host. */
export const DATA_DIR_ENV = "CLAW_DATA_DIR";
export const LOG_DIR_ENV = "CLAW_LOG_DIR";
const ADMIN_PLUGIN = "admin-http-rpc";

/** Settings that the platform relies on: users can't change them. */
const MANAGED: Readonly<Record<string, unknown>> = {
  "gateway.mode": "local",
  "gateway.bind": "loopback",
  "gateway.auth.mode": "token",
  "gateway.auth.token": `\${${GATEWAY_TOKEN_ENV}}`,
  "gateway.http.endpoints.chatCompletions.enabled": true,
  "gateway.reload.mode": "hybrid",
  "gateway.terminal.enabled": false,
  [`plugins.entries.${ADMIN_PLUGIN}.enabled`]: true,
  "agents.defaults.workspace": `\${${DATA_DIR_ENV}}/workspace`,
  "logging.file": `\${${LOG_DIR_ENV}}/openclaw.log`,
  "models.mode": "merge",
  "models.catalogRefresh.enabled": false,
  "update.checkOnStart": false,
  "update.auto.enabled": false,
  "discovery.mdns.mode": "off",
};

/** Settings of which one value would cut the platform off. */
const REFUSED: readonly { readonly path: string; readonly when: (value: unknown) => boolean; readonly message: string }[] = [
  { path: "gateway.port", when: (value) => value !== undefined, message: "the port is chosen when the instance starts" },
  { path: "gateway.tls.enabled", when: (value) => value === true, message: "the gateway listens on the loopback interface only" },
  { path: "commands.restart", when: (value) => value === false, message: "the platform restarts the gateway by a signal" },
  { path: "plugins.enabled", when: (value) => value === false, message: `the platform uses the plugin '${ADMIN_PLUGIN}'` },
  {
    path: "plugins.deny",
    when: (value) => Array.isArray(value) && value.includes(ADMIN_PLUGIN),
    message: `the platform uses the plugin '${ADMIN_PLUGIN}'`,
  },
];

/** Puts the managed settings into a native config and says which of the user's own they collide with. */
export function applyManagedSettings(native: Record<string, unknown>): ClawIssue[] {
  const issues: ClawIssue[] = [];
  for (const [path, value] of Object.entries(MANAGED)) {
    const own = valueAt(native, path);
    if (own !== undefined && own !== value) {
      issues.push({ path, message: `is managed by the platform (${JSON.stringify(value)})`, fix: "remove it", isHopeless: true });
    }
    const obstacle = setAt(native, path, value);
    if (obstacle !== undefined) {
      issues.push({ path: obstacle, message: "must be an object", fix: "give an object, or remove it" });
    }
  }
  for (const { path, when, message } of REFUSED) {
    if (when(valueAt(native, path))) {
      issues.push({ path, message: `can't be set: ${message}`, fix: "remove it", isHopeless: true });
    }
  }
  const allowed = valueAt(native, "plugins.allow");
  if (Array.isArray(allowed) && !allowed.includes(ADMIN_PLUGIN)) {
    setAt(native, "plugins.allow", [...allowed, ADMIN_PLUGIN]);
  }
  return issues;
}

/** Whether a setting is the platform's own, whatever a user says. */
export function isManaged(path: string): boolean {
  return Object.keys(MANAGED).some((key) => isKeyWithin(path, key)) || REFUSED.some((refused) => refused.path === path);
}

/** A native config without what the platform sets itself, and without what it can't do with. */
export function withoutManaged(native: Readonly<ConfigTree>): ConfigTree {
  const own = structuredClone(native) as ConfigTree;
  const refused = REFUSED.filter(({ path, when }) => when(valueAt(own, path))).map(({ path }) => path);
  for (const path of [...Object.keys(MANAGED), ...refused]) {
    removeAt(own, path);
  }
  return own;
}
