import { createHash } from "node:crypto";
import type { ClawRuntime, PodBoot } from "../../sdk/contract/index.ts";
import { storageDirs } from "../claw-instance/instance-dirs.ts";
import { replacePlaceholders } from "../claw-instance/placeholders.ts";
import { explainedStart } from "./explained-start.ts";
import { preparedOnce } from "./prepared-once.ts";

/** Where an instance's volumes are mounted: the root of the paths that a manifest names. */
const INSTANCE_ROOT = "/claw";
/** Where images of claws have their software. */
const SOFTWARE_DIR = "/opt/claw";
/** In the data folder: what was done to it. */
const PREPARED = ".clusterclaw/prepared";
export const RUN_DIR = "/run/claw";
export const BOOT_DIR = "/run/claw-boot";
export const BOOT_FILE = "boot.json";

/** Port that a claw listens on: a pod's loopback interface is its own, so every claw may have the same. */
const CLAW_PORT = 18_789;
const AGENT_PORT = 9_710;
const EXPOSED_PORT = 8_080;

/** Everything about one claw that its pod and its boot file are made of, with every placeholder resolved. */
export interface ClawInPod {
  readonly args: string[];
  /** What is done before it starts, as the arguments of containers of its image. */
  readonly prepare: readonly (readonly string[])[];
  /** Sorted, with HOME and TMPDIR. */
  readonly env: readonly (readonly [name: string, value: string])[];
  /** Sorted; secret. */
  readonly secretEnv: readonly (readonly [name: string, value: string])[];
  readonly dirs: PodBoot["dirs"];
  readonly ports: PodPorts;
  readonly files: Record<string, string>;
  readonly chatPath: string | undefined;
}

interface PodPorts {
  readonly claw: number;
  readonly agent: number;
  readonly exposed: number;
}

/** Resolves a runtime for the inside of a pod. */
export function clawInPod(runtime: ClawRuntime, storage: { readonly configDir?: string; readonly dataDir?: string }): ClawInPod {
  const dirs = { ...storageDirs(INSTANCE_ROOT, storage), runDir: RUN_DIR };
  const ports = portsOf(runtime.port);
  const values = { ...dirs, softwareDir: SOFTWARE_DIR };
  const resolve = (text: string) => replacePlaceholders(text, { ...values, port: String(ports.claw), node: "node" });
  const sorted = (env: Readonly<Record<string, string>>) =>
    Object.entries(env)
      .map(([name, value]) => [name, resolve(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  const secrets = Object.keys(runtime.secretEnv).sort();
  const base = { HOME: `${dirs.dataDir}/home`, TMPDIR: `${RUN_DIR}/tmp` };
  return {
    args: explainedStart(runtime, runtime.command.map(resolve), resolve, secrets),
    prepare: (runtime.prepare ?? []).map((preparation) => preparedOnce(preparation, resolve, secrets, `${dirs.dataDir}/${PREPARED}`)),
    env: sorted({ ...base, ...runtime.env }),
    secretEnv: sorted(runtime.secretEnv),
    dirs,
    ports,
    // As on a host: files are the same whatever the port is.
    files: Object.fromEntries(runtime.files.map(({ path, content }) => [path, replacePlaceholders(content, values)])),
    chatPath: runtime.chat && resolve(runtime.chat.path),
  };
}

/** The claw keeps `span` ports from its own on free; a port that the user insists on is the one that the pod shows. */
function portsOf({ fixed, span }: ClawRuntime["port"]): PodPorts {
  const exposed = fixed ?? EXPOSED_PORT;
  const isFree = (base: number, count: number) => exposed < base || exposed >= base + count;
  return {
    claw: isFree(CLAW_PORT, span) ? CLAW_PORT : CLAW_PORT + span + 1,
    agent: isFree(AGENT_PORT, 1) ? AGENT_PORT : AGENT_PORT + 1,
    exposed,
  };
}

/** What a boot file says besides the claw itself. */
export interface BootContext {
  readonly uid: string;
  readonly agentUrl: string;
  readonly agentToken: string;
  readonly isExposed: boolean;
}

/** The boot file of an instance's agent. Secret. */
export function podBoot(runtime: ClawRuntime, claw: ClawInPod, { uid, agentUrl, agentToken, isExposed }: BootContext): PodBoot {
  const { exposed, ...ports } = claw.ports;
  const secrets = new Map(claw.secretEnv);
  const { chat, configCheck, channelCheck } = runtime;
  const token = chat?.tokenEnv === undefined ? undefined : secrets.get(chat.tokenEnv);
  const boot: Omit<PodBoot, "specDigest"> = {
    instanceUid: uid,
    agentUrl,
    agentToken,
    version: runtime.software.version,
    dirs: claw.dirs,
    files: claw.files,
    ports: { ...ports, ...(isExposed && { exposed }) },
    probes: runtime.probes,
    ...(chat && {
      chat: { protocol: chat.protocol, path: claw.chatPath ?? chat.path, model: chat.model, ...(token !== undefined && { token }) },
    }),
    ...(configCheck && {
      configCheck: { protocol: configCheck.protocol, digest: configCheck.digest, token: secrets.get(configCheck.tokenEnv) ?? "" },
    }),
    ...(channelCheck && {
      channelCheck: { protocol: channelCheck.protocol, channels: channelCheck.channels, token: secrets.get(channelCheck.tokenEnv) ?? "" },
      secrets: [...secrets.values()],
    }),
  };
  return { ...boot, specDigest: createHash("sha256").update(JSON.stringify(boot)).digest("hex") };
}
