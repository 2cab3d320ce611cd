import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { type AgentPhase, ClawRuntimeSchema, type ProcessSpec } from "../../../sdk/contract/index.ts";
import { digestOf } from "../../../service/domain/digest.ts";
import { draftOf, removeDrafts } from "../../confinement/drafts.ts";
import { ResourceInitError } from "../../engine/contract/provider.ts";
import { hasUnknowns, type PropertyMap, UNKNOWN_VALUE } from "../../engine/contract/values.ts";
import { type AgentLauncher, AgentNotRunningError, askAgent, callAgent, endAgent, hasAgent, readSpec } from "./agent-client.ts";
import { isDirectory } from "./is-directory.ts";
import type { ResourceType } from "./resource-type.ts";

const STOP_SLACK_MS = 60_000;

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
  files: z.record(z.string(), z.string()).optional(),
});
export type ProcessInputs = z.infer<typeof ProcessInputsSchema>;

/**
 * A supervised claw. It is made when its agent has taken over the specification: whether the claw is ready is the agent's to report. One that
 * is stopped has a specification and no agent. Outputs add `specDigest` and `agentRunning`: whether there is an agent that wants it to run.
 */
export function processType(launcher: AgentLauncher): ResourceType<ProcessInputs> {
  return {
    schema: ProcessInputsSchema,
    // With the folders that it stands in, which are deleted before others are made.
    replaceOn: ["instanceUid", "hostDir", "runDir", "configDir", "dataDir"],
    // Not of an earlier version's, which has no digests of its files.
    toldBy: { files: "configDigest" },
    deleteBeforeReplace: true,
    idOf: (inputs) => String(inputs["instanceUid"]),
    plan: (inputs) => ({
      ...inputs,
      specDigest: hasUnknowns(inputs) ? UNKNOWN_VALUE : toSpec(ProcessInputsSchema.parse(inputs)).specDigest,
      agentRunning: inputs["running"] ?? UNKNOWN_VALUE,
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
      const { running, specDigest } = stored ?? { running: false, specDigest: "" };
      const agentRunning = running ? (await phaseOfAgent(inputs.runDir)) !== undefined : await isRunning(inputs.runDir);
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
    // Whoever starts an agent from here on, it starts no claw.
    const spec = JSON.parse(await readFile(join(runDir, "process.json"), "utf8"));
    await writeSpec(runDir, { ...spec, running: false });
    await endAgent(runDir, hostDir, launcher, { timeoutMs: graceSeconds * 1000 + STOP_SLACK_MS, signal });
  }
  // The folder goes last: whoever is killed on the way leaves it, and is not taken for done.
  await releasePorts(hostDir, instanceUid);
  await rm(runDir, { recursive: true, force: true, maxRetries: 3 });
}

/** Writes the specification down, which is what holds whoever dies from here on, and sees to it that an agent has it where one is needed. */
async function hand(inputs: ProcessInputs, launcher: AgentLauncher, signal: AbortSignal | undefined): Promise<PropertyMap> {
  const spec = toSpec(inputs);
  const { runDir, hostDir } = inputs;
  await mkdir(join(runDir, "logs"), { recursive: true, mode: 0o700 });
  await writeSpec(runDir, spec);
  await askAgent(runDir, hostDir, launcher, { method: "apply", spec }, { signal });
  return toProperties({ ...inputs, specDigest: spec.specDigest, agentRunning: spec.running });
}

/** What the agent of a claw is given. */
export function toSpec(inputs: ProcessInputs): ProcessSpec {
  const { hostDir, runDir, configDir, dataDir, softwareDir, runtime, secretEnv, ...rest } = inputs;
  const spec = {
    ...rest,
    runtime: { ...runtime, secretEnv },
    dirs: { hostDir, runDir, configDir, dataDir, ...(softwareDir === undefined ? {} : { softwareDir }) },
  };
  return { ...spec, specDigest: digestOf(spec) };
}

async function writeSpec(runDir: string, spec: ProcessSpec): Promise<void> {
  const path = join(runDir, "process.json");
  await removeDrafts(path);
  const draft = draftOf(path);
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(JSON.stringify(spec));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** What the agent says of its claw; undefined when no agent answers. */
async function phaseOfAgent(runDir: string): Promise<AgentPhase | undefined> {
  try {
    return (await callAgent(runDir, { method: "status" })).phase;
  } catch (err) {
    if (err instanceof AgentNotRunningError) {
      return undefined;
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

/** Whether something of a claw that is to be stopped goes on, and nobody is ending it. */
async function isRunning(runDir: string): Promise<boolean> {
  if (!(await hasAgent(runDir))) {
    return false;
  }
  const phase = await phaseOfAgent(runDir);
  return phase !== "Stopping" && phase !== "Stopped" && (await hasAgent(runDir));
}

/** Plain JSON: what has a value of undefined is left out. */
function toProperties(value: object): PropertyMap {
  return JSON.parse(JSON.stringify(value)) as PropertyMap;
}
