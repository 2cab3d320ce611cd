import type { ResolvedInstance } from "../../../sdk/contract/index.ts";

const probe = { path: "/healthz", expect: { ok: true }, periodSeconds: 5, failureThreshold: 3 };

/** An instance as the tenant program gets it, with every kind of placeholder and secret. */
export function aResolvedInstance(name: string, changes: Partial<ResolvedInstance> = {}): ResolvedInstance {
  return {
    uid: `ins_${name}`,
    name,
    project: "default",
    type: "OpenClaw",
    running: true,
    deletionPolicy: "retain",
    storage: { size: "1Gi" },
    resources: { cpu: "1", memory: "2Gi" },
    expose: false,
    agentToken: "agent-s3cret",
    runtime: {
      software: { source: "npm", package: "openclaw", version: "1.0.0" },
      command: ["${node}", "${softwareDir}/cli.mjs", "--port", "${port}"],
      env: { STATE: "${dataDir}/state" },
      secretEnv: { KEY: "k3y" },
      files: [{ path: "claw.json", content: '{"workspace":"${dataDir}/w","bin":"${softwareDir}","port":"${port}","key":"${KEY}"}' }],
      restartDigest: "r1",
      port: { span: 120 },
      probes: { startup: probe, readiness: probe, liveness: probe },
      startup: { timeoutSeconds: 120, heavy: true },
      stop: { signal: "SIGTERM", graceSeconds: 330 },
      exitCodes: {},
      chat: { protocol: "openai-chat-completions", path: "/v1/chat", model: "m", tokenEnv: "KEY" },
    },
    ...changes,
  };
}
