import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { PodBoot } from "../../../sdk/contract/index.ts";
import { freePort } from "../free-port.ts";
import { aHost, aSpec, fixtureClaw, until } from "./harness.ts";

const agentMain = fileURLToPath(new URL("../../../service/agent/pod/start.ts", import.meta.url));

/** The agent of a pod and its claw as two processes of this host; the test is their kubelet. */
export class TestPod {
  readonly boot: PodBoot;
  agent: ChildProcess | undefined;
  #generation = 0;
  readonly #bootDir: string;

  private constructor(dir: string, boot: PodBoot) {
    this.#bootDir = join(dir, "boot");
    this.boot = boot;
    mkdirSync(this.#bootDir);
    symlinkSync("..data/boot.json", join(this.#bootDir, "boot.json"));
  }

  static async create(changes: Partial<PodBoot> & { readonly isExposed?: boolean } = {}): Promise<TestPod> {
    const { isExposed = false, ...rest } = changes;
    const host = aHost();
    const { runtime, dirs, agentToken, instanceUid } = aSpec(host);
    const [claw, agent, exposed] = await Promise.all([freePort(), freePort(), freePort()]);
    const pod = new TestPod(host, {
      instanceUid,
      agentUrl: "ws://127.0.0.1:9/agent/v1",
      agentToken,
      version: "1.2.3",
      dirs,
      files: { "config.json": '{"mode":"one"}' },
      ports: { claw, agent, ...(isExposed && { exposed }) },
      probes: runtime.probes,
      chat: { protocol: "openai-chat-completions", path: "/v1/chat/completions", model: "fixture", token: "s3cret-token" },
      specDigest: "boot-1",
      ...rest,
    });
    pod.mount(pod.boot);
    return pod;
  }

  /** Exchanges the mounted secret as a kubelet does: the files are links into a folder behind a link that is swapped. */
  mount(boot: PodBoot): void {
    const data = `..generation-${++this.#generation}`;
    mkdirSync(join(this.#bootDir, data));
    writeFileSync(join(this.#bootDir, data, "boot.json"), JSON.stringify(boot));
    symlinkSync(data, join(this.#bootDir, "..data_tmp"));
    renameSync(join(this.#bootDir, "..data_tmp"), join(this.#bootDir, "..data"));
  }

  async startAgent(): Promise<void> {
    this.spawnAgent();
    await until(async () => (await this.ask("/healthz").catch(() => undefined))?.status === 200, "the agent answers its kubelet");
  }

  spawnAgent(): void {
    this.agent = spawn(process.execPath, [agentMain, join(this.#bootDir, "boot.json")], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(tmpdir(), "claw-agent-test-cache") },
    });
  }

  startClaw(env: Record<string, string> = {}): ChildProcess {
    const claw = spawn(process.execPath, [fixtureClaw], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"] ?? "", PORT: String(this.boot.ports.claw), CLAW_TOKEN: "s3cret-token", ...env },
    });
    onTestFinished(() => void claw.kill("SIGKILL"));
    return claw;
  }

  /** A probe of the kubelet. */
  async ask(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.boot.ports.agent}${path}`);
    return { status: response.status, text: await response.text() };
  }

  async starts(): Promise<void> {
    await until(async () => (await this.ask("/probes/startup")).status === 200, "the claw has started");
  }
}
