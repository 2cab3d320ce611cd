import { removeAt } from "../../../service/domain/configs/config-path.ts";

/**
 * What a running gateway takes over from its file without a restart, by its own reload rules (2026.9.6). Whatever is not listed
 * restarts it, so that a setting that a later version adds is never lost.
 */
export const HOT_SETTINGS: readonly string[] = [
  "accessGroups",
  "acp",
  "agents",
  "approvals",
  "auth.order",
  "auth.profiles",
  "bindings",
  "broadcast",
  "channels",
  "commands",
  "cron",
  "diagnostics.enabled",
  "diagnostics.flags",
  "discovery.mdns.mode",
  "gateway.allowRealIpFallback",
  "gateway.auth.rateLimit",
  "gateway.cliAgents",
  "gateway.controlUi.allowedOrigins",
  "gateway.controlUi.enabled",
  "gateway.controlUi.environment",
  "gateway.http.endpoints",
  "gateway.reload",
  "gateway.roles",
  "gateway.terminal",
  "gateway.tools",
  "gateway.trustedProxies",
  "hooks",
  "logging",
  "mcp.servers",
  "memory.citations",
  "messages",
  "models",
  "plugins",
  "secrets.defaults",
  "secrets.providers",
  "session",
  "skills",
  "surfaces",
  "talk",
  "telemetry.enabled",
  "tools",
  "transcripts",
  "tts",
  "ui",
  "update",
];

/** The part of a config that only a restart brings into effect. */
export function coldSettings(native: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const cold = structuredClone(native) as Record<string, unknown>;
  for (const path of HOT_SETTINGS) {
    removeAt(cold, path);
  }
  return cold;
}
