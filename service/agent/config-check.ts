import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import type { AgentStatus } from "../../sdk/contract/index.ts";
import type { AttendedClaw } from "./attended-claw.ts";

type ConfigStatus = Omit<NonNullable<AgentStatus["config"]>, "digest">;

/** It looks at its files within a second; a busy host may take many. */
const PAUSES_MS = [500, 1_000, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const ANSWER_TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const ISSUES_MAX = 20;
const ISSUE_CHARS_MAX = 500;

/**
 * Asks a claw that reloads its config by itself whether it has done so: one that refuses the new files says so in its log only, and goes
 * on with the old ones. It is asked once it is ready, and whenever its files change while it runs.
 */
export function watchConfig(claw: AttendedClaw): void {
  let asked: string | undefined;
  claw.onStatus(({ phase }) => {
    const digest = claw.configCheck?.digest;
    if (phase !== "Ready" && phase !== "Unready") {
      asked = undefined;
    } else if (digest !== undefined && asked !== digest) {
      const isReload = asked !== undefined;
      asked = digest;
      if (isReload) {
        claw.tellConfig({ digest, state: "pending", message: "it has not taken its new configuration over yet" });
      }
      void ask(claw, () => asked === digest).then((config) => config && claw.tellConfig({ digest, ...config }));
    }
  });
}

/** Asks until there is an answer. Undefined when nobody waits for it any more. */
async function ask(claw: AttendedClaw, isWanted: () => boolean): Promise<ConfigStatus | undefined> {
  let last: ConfigStatus = { state: "unknown", message: "it does not say whether it uses its configuration" };
  for (const pauseMs of PAUSES_MS) {
    await delay(pauseMs);
    const { port, configCheck } = claw;
    if (!isWanted() || !configCheck || port === undefined) {
      return undefined;
    }
    last = await askOpenClaw(port, configCheck.token).catch(() => last);
    if (last.state === "applied" || last.state === "refused") {
      break;
    }
  }
  // By now it will not: nobody is to wait for it any longer.
  return isWanted() ? { ...last, state: last.state === "pending" ? "refused" : last.state } : undefined;
}

/** What of an object may be anything: claws are not trusted, and the schemas would cost every agent a third of its memory. */
type Unknown = Readonly<Record<string, unknown>>;
const asObject = (value: unknown): Unknown => (typeof value === "object" && value !== null ? (value as Unknown) : {});

function judge(answer: Unknown): ConfigStatus {
  const { valid, issues, configRevisionHash, appliedConfigHash } = answer;
  if (valid === false) {
    const reasons = (Array.isArray(issues) ? issues : [])
      .slice(0, ISSUES_MAX)
      .map(asObject)
      .map(({ path, message }) => (path ? `${path}: ${message}` : String(message)).slice(0, ISSUE_CHARS_MAX));
    return { state: "refused", message: `it goes on with its former configuration: ${reasons.join("; ") || "the new one is invalid"}` };
  }
  return configRevisionHash !== undefined && configRevisionHash === appliedConfigHash
    ? { state: "applied", message: "" }
    : { state: "pending", message: "it has not taken its new configuration over yet; a restart would" };
}

function parse(data: Buffer, isBinary: boolean): Unknown {
  try {
    return asObject(isBinary ? undefined : JSON.parse(data.toString()));
  } catch {
    return {};
  }
}

/** One call of OpenClaw's gateway protocol: its challenge, `connect`, then `config.get`. @throws when it does not answer */
function askOpenClaw(port: number, token: string): Promise<ConfigStatus> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
      perMessageDeflate: false,
      handshakeTimeout: ANSWER_TIMEOUT_MS,
      maxPayload: ANSWER_BYTES_MAX,
    });
    const timeout = setTimeout(() => socket.terminate(), ANSWER_TIMEOUT_MS);
    const call = (method: string, params: object) => socket.send(JSON.stringify({ type: "req", id: method, method, params }), () => {});
    socket.on("message", (data: Buffer, isBinary) => {
      const { event, id, ok, payload } = parse(data, isBinary);
      if (event === "connect.challenge") {
        call("connect", {
          minProtocol: 4,
          maxProtocol: 4,
          client: { id: "gateway-client", version: "1", platform: process.platform, mode: "backend" },
          role: "operator",
          scopes: ["operator.read"],
          caps: [],
          auth: { token },
        });
      } else if (id !== undefined && ok !== true) {
        socket.close();
      } else if (id === "connect") {
        call("config.get", {});
      } else if (id === "config.get") {
        resolve(judge(asObject(payload)));
        socket.close();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timeout);
      reject(new Error("the claw ended the conversation"));
    });
  });
}
