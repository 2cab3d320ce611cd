import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openClawCompletion } from "../../../adapters/claws/openclaw/config-schemas.ts";
import { runConfined } from "../../../adapters/confinement/run-confined.ts";
import { callAgent, hasAgent, localLauncher } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { configFilesType } from "../../../adapters/providers/clusterclaw/config-files.ts";
import { directoryType } from "../../../adapters/providers/clusterclaw/directory.ts";
import { endProcess, type ProcessInputs, processType } from "../../../adapters/providers/clusterclaw/process.ts";
import { softwareType } from "../../../adapters/providers/clusterclaw/software.ts";
import { instanceDirs } from "../../../components/claw-instance/instance-dirs.ts";
import { resolveFiles } from "../../../components/process/resolve-files.ts";
import { type AgentStatus, type ClawRuntime, clawRunDir, NO_CONTROL_PLANE } from "../../../sdk/contract/index.ts";

const UID = "adapter-test";

/** What is wanted of the claw. */
interface Wanted {
  readonly running: boolean;
  readonly restartedAt?: string;
}

/** One claw on this host, with the real agent and no control plane, in a folder that goes with it. */
export class HostedClaw {
  readonly #rootDir: string;
  readonly cacheDir: string;
  #inputs: ProcessInputs | undefined;
  #files: Record<string, string> = {};
  #softwareDir: string | undefined;
  readonly #signal: AbortSignal | undefined;

  private constructor(rootDir: string, cacheDir: string, signal: AbortSignal | undefined) {
    this.#rootDir = rootDir;
    this.cacheDir = cacheDir;
    this.#signal = signal;
  }

  /** @param options.cacheDir where software is installed; in its own folder when absent */
  static async open({ cacheDir, signal }: { readonly cacheDir?: string; readonly signal?: AbortSignal }): Promise<HostedClaw> {
    const rootDir = await mkdtemp(join(tmpdir(), "claw-adapter-"));
    // As a service's data folder: its claws are users of their own.
    await chmod(rootDir, 0o711);
    return new HostedClaw(rootDir, cacheDir ?? join(rootDir, "software"), signal);
  }

  /** Installs its software, if it has some. */
  async install({ software }: ClawRuntime): Promise<void> {
    if (software.source === "image") {
      throw new Error("its program is in an image, which runs on clusters alone: test it there");
    }
    const type = softwareType(openClawCompletion(runConfined));
    const wanted = software.source === "inline" ? software : { ...software, cacheDir: this.cacheDir };
    await mkdir(this.cacheDir, { recursive: true, mode: 0o755 });
    const { dir } = await type.create(type.schema.parse(wanted), { signal: this.#signal });
    this.#softwareDir = typeof dir === "string" ? dir : undefined;
  }

  /** Hands it to its agent as an operation would. @returns the digest by which the agent knows it */
  async apply({ files: declared, secretEnv, ...runtime }: ClawRuntime, wanted: Wanted): Promise<string> {
    const { hostDir, configDir, dataDir, runDir } = instanceDirs(this.#rootDir, "default", { uid: UID, storage: {} });
    const options = { signal: this.#signal };
    const softwareDir = this.#softwareDir;
    for (const path of [configDir, dataDir]) {
      await directoryType.create({ path, mode: "0700", deletion: "delete" }, options);
    }
    const files = resolveFiles(declared, { configDir, dataDir, runDir: clawRunDir(runDir), softwareDir });
    const { digest } = await configFilesType.update({ dir: configDir, files: this.#files }, { dir: configDir, files }, options);
    this.#files = files;
    const inputs: ProcessInputs = {
      instanceUid: UID,
      hostDir,
      runDir,
      configDir,
      dataDir,
      ...(softwareDir !== undefined && { softwareDir }),
      runtime,
      secretEnv,
      agentUrl: NO_CONTROL_PLANE,
      agentToken: "",
      configDigest: String(digest),
      ...wanted,
    };
    const type = processType(localLauncher);
    const { specDigest } = await (this.#inputs ? type.update(this.#inputs, inputs, options) : type.create(inputs, options));
    this.#inputs = inputs;
    return String(specDigest);
  }

  /** What its agent says; undefined when it has ended, as it does with a claw that is stopped. */
  async status(): Promise<AgentStatus | undefined> {
    const runDir = this.#inputs?.runDir ?? "";
    return (await hasAgent(runDir)) ? callAgent(runDir, { method: "status" }, { signal: this.#signal }).catch(() => undefined) : undefined;
  }

  async close(): Promise<void> {
    if (this.#inputs) {
      const ended = { ...this.#inputs, graceSeconds: this.#inputs.runtime.stop.graceSeconds };
      await endProcess(ended, localLauncher, undefined);
    }
    await rm(this.#rootDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
