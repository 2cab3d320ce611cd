import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { ClawRuntimeSchema, type ProcessSpec } from "../../../sdk/contract/index.ts";
import { ResourceInitError } from "../../../service/application/ports/resource-provider.ts";
import type { PropertyMap } from "../../../service/application/ports/stack-store.ts";
import { digestOf } from "../../../service/domain/digest.ts";
import { hasUnknown, UNKNOWN } from "../properties.ts";
import { type AgentLauncher, AgentNotRunningError, callAgent, ensureAgent } from "./agent-client.ts";
import { isDirectory } from "./is-directory.ts";
import type { ResourceType } from "./resource-type.ts";

const STOP_SLACK_MS = 60_000;
const AGENT_END_MS = 5_000;

const AbsolutePathSchema = z.string().refine(isAbsolute, "must be an absolute path");
const ProcessInputsSchema = z.strictObject({
  instanceUid: z.string().min(1),
  hostDir: AbsolutePathSchema,
  runDir: AbsolutePathSchema,
  configDir: AbsolutePathSchema,
  dataDir: AbsolutePathSchema,
  softwareDir: AbsolutePathSchema.optional(),
  runtime: ClawRuntimeSchema.omit({ files: true, secretEnv: true }),
  secretEnv: z.record(z.string(), z.string()),
  agentUrl: z.string(),
  agentToken: z.string(),
  running: z.boolean(),
  restartedAt: z.string().optional(),
  configDigest: z.string(),
});
type ProcessInputs = z.infer<typeof ProcessInputsSchema>;

/**
 * A supervised claw. It is made when its agent has taken over the specification: whether the claw is ready is the agent's to
 * report. Outputs add `specDigest` and `agentRunning`.
 */
export function processType(launcher: AgentLauncher): ResourceType<ProcessInputs> {
  return {
    schema: ProcessInputsSchema,
    // With the folders that it stands in, which are deleted before others are made.
    replaceOn: ["instanceUid", "hostDir", "runDir", "configDir", "dataDir"],
    deleteBeforeReplace: true,
    idOf: (inputs) => String(inputs["instanceUid"]),
    plan: (inputs) => ({
      ...inputs,
      specDigest: hasUnknown(inputs) ? UNKNOWN : toSpec(ProcessInputsSchema.parse(inputs)).specDigest,
      agentRunning: true,
    }),
    async create(inputs, { signal }) {
      try {
        return await hand(inputs, launcher, signal);
      } catch (err) {
        if (!(await isDirectory(inputs.runDir))) {
          throw err;
        }
        // It is there as far as it came: whoever no longer wants it has to delete it.
        const outputs = toProperties({ ...inputs, specDigest: "", agentRunning: false });
        throw new ResourceInitError(inputs.instanceUid, outputs, [err instanceof Error ? err.message : String(err)]);
      }
    },
    async read(inputs) {
      const stored = await readSpec(inputs.runDir);
      // A folder without one is of a creation or a deletion that was interrupted.
      if (!stored && !(await isDirectory(inputs.runDir))) {
        return undefined;
      }
      const agentRunning = await isAgentRunning(inputs.runDir);
      const { running, specDigest } = stored ?? { running: false, specDigest: "" };
      return { inputs: toProperties({ ...inputs, running }), outputs: toProperties({ ...inputs, running, specDigest, agentRunning }) };
    },
    update: (_olds, news, { signal }) => hand(news, launcher, signal),
    delete: (inputs, { signal }) => endProcess({ ...inputs, graceSeconds: inputs.runtime.stop.graceSeconds }, launcher, signal),
  };
}

/** Stops a claw, ends its agent and removes what both had on the host beside the claw's data. */
export async function endProcess(
  { instanceUid, hostDir, runDir, graceSeconds }: Pick<ProcessInputs, "instanceUid" | "hostDir" | "runDir"> & { graceSeconds: number },
  launcher: AgentLauncher,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await readSpec(runDir)) {
    // An agent is needed even when it died: only it knows how to find and stop its claw.
    await ensureAgent(runDir, hostDir, launcher);
    await callAgent(runDir, { method: "stop" }, { timeoutMs: graceSeconds * 1000 + STOP_SLACK_MS, signal });
    // Without it nobody revives the agent between here and the removal of its folder.
    await rm(join(runDir, "process.json"), { force: true });
  }
  await endAgent(runDir);
  await rm(runDir, { recursive: true, force: true, maxRetries: 3 });
  await releasePorts(hostDir, instanceUid);
}

/** Hands the specification to the agent, which is started when there is none. */
async function hand(inputs: ProcessInputs, launcher: AgentLauncher, signal: AbortSignal | undefined): Promise<PropertyMap> {
  const spec = toSpec(inputs);
  const { runDir, hostDir } = inputs;
  await mkdir(join(runDir, "logs"), { recursive: true, mode: 0o700 });
  if (!(await isAgentRunning(runDir))) {
    await writeSpec(spec);
    await ensureAgent(runDir, hostDir, launcher);
  }
  await callAgent(runDir, { method: "apply", spec }, { signal });
  return toProperties({ ...inputs, specDigest: spec.specDigest, agentRunning: true });
}

function toSpec(inputs: ProcessInputs): ProcessSpec {
  const { hostDir, runDir, configDir, dataDir, softwareDir, runtime, secretEnv, ...rest } = inputs;
  const spec = {
    ...rest,
    runtime: { ...runtime, secretEnv },
    dirs: { hostDir, runDir, configDir, dataDir, ...(softwareDir === undefined ? {} : { softwareDir }) },
  };
  return { ...spec, specDigest: digestOf(spec) };
}

/** What of a stored specification is of interest here; whatever version of this program wrote it. */
const StoredSpecSchema = z.object({ running: z.boolean(), specDigest: z.string() });

async function readSpec(runDir: string): Promise<z.infer<typeof StoredSpecSchema> | undefined> {
  const text = await readFile(join(runDir, "process.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : StoredSpecSchema.parse(JSON.parse(text));
}

async function writeSpec(spec: ProcessSpec): Promise<void> {
  const path = join(spec.dirs.runDir, "process.json");
  const draft = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(JSON.stringify(spec));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

async function isAgentRunning(runDir: string): Promise<boolean> {
  try {
    await callAgent(runDir, { method: "status" });
    return true;
  } catch (err) {
    if (err instanceof AgentNotRunningError) {
      return false;
    }
    throw err;
  }
}

/** Its agent claimed them, and is gone. */
async function releasePorts(hostDir: string, uid: string): Promise<void> {
  const folder = join(hostDir, "ports");
  for (const name of await readdir(folder).catch(() => [])) {
    const claim = await readFile(join(folder, name), "utf8").catch(() => "");
    if (/^\d+$/.test(name) && claim.includes(JSON.stringify(uid))) {
      await rm(join(folder, name), { force: true });
    }
  }
}

async function endAgent(runDir: string): Promise<void> {
  for (const deadline = Date.now() + AGENT_END_MS; Date.now() < deadline; await delay(20)) {
    try {
      await callAgent(runDir, { method: "shutdown" });
    } catch (err) {
      if (err instanceof AgentNotRunningError) {
        return;
      }
      throw err;
    }
  }
}

/** Plain JSON: what has a value of undefined is left out. */
function toProperties(value: object): PropertyMap {
  return JSON.parse(JSON.stringify(value)) as PropertyMap;
}
