import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation/index.js";
import { ClawError, issuesOf, STACK_BYTES_MAX, type StackExport, StackExportSchema } from "../../sdk/contract/index.ts";
import type { TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import type { RunnableCommand } from "./cli-command.ts";

/** The parts of a workspace that the Automation API keeps to itself: its own export always shows secrets. */
interface Runnable {
  readonly workDir: string;
  readonly envVars: Record<string, string>;
  readonly pulumiCommand: RunnableCommand;
}

/** As the engine keeps it: secrets are sealed. */
export async function exportSealed({ name, workspace }: Stack): Promise<StackExport> {
  const { pulumiCommand, workDir, envVars } = workspace as unknown as Runnable;
  const { stdout } = await pulumiCommand.run(["stack", "export", "--stack", name], workDir, envVars);
  return JSON.parse(stdout) as StackExport;
}

/** Writes an export to a file that nobody else can read. @throws {ClawError} `stack.too_large` when no import would take it */
export async function writeExport({ stack }: TenantStack, exported: StackExport, file: string, bytesMax = STACK_BYTES_MAX): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(exported));
  if (bytes.length > bytesMax) {
    throw new ClawError(
      "stack.too_large",
      `the state of stack '${stack}' comes to ${bytes.length} bytes, and an import takes ${bytesMax}: a backup of the database holds it too`,
    );
  }
  await writeFile(file, bytes, { mode: 0o600 });
}

/** The Automation API's own import leaves its file behind when it is refused, readable by all. */
export async function importInto(stack: Stack, exported: StackExport): Promise<void> {
  const file = join(stack.workspace.workDir, `import-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(exported), { mode: 0o600 });
  try {
    await importFile(stack, file);
  } finally {
    await rm(file, { force: true });
  }
}

/** @throws {ClawError} `stack.invalid` with what is not sound; nothing was imported then */
export async function importFile({ name, workspace }: Stack, file: string): Promise<void> {
  const { pulumiCommand, workDir, envVars } = workspace as unknown as Runnable;
  try {
    await pulumiCommand.run(["stack", "import", "--file", file, "--stack", name], workDir, envVars);
  } catch (error) {
    if (!(error instanceof CommandError) || error instanceof ConcurrentUpdateError) {
      throw error;
    }
    const problems = problemsIn(error.message);
    throw new ClawError("stack.invalid", `nothing was imported into stack '${name}': ${problems.join("; ")}`, {
      issues: problems.map((message) => ({ path: "deployment", message })),
      cause: error,
    });
  }
}

/** Deeper than any state, and far from what recursion can't take. */
const DEPTH_MAX = 200;

/** What somebody has sent as an export. @throws {ClawError} `request.malformed`, `request.invalid` */
export async function readExport(file: string): Promise<StackExport> {
  const given = parsed(await readFile(file, "utf8"));
  if (!isShallow(given)) {
    throw refusal("request.invalid", `is nested more than ${DEPTH_MAX} levels deep`, "give a file that an export gave");
  }
  const { data, error } = StackExportSchema.safeParse(given);
  if (error) {
    const issues = issuesOf(StackExportSchema, error, given);
    throw new ClawError("request.invalid", issues.map(({ path, message }) => `${path}: ${message}`)[0] ?? "", { issues });
  }
  return data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Its message quotes what stands there, secrets perhaps.
    throw refusal("request.malformed", "the file is not JSON", "give a file that an export gave");
  }
}

function refusal(code: "request.malformed" | "request.invalid", message: string, fix: string): ClawError {
  return new ClawError(code, message, { issues: [{ path: "", message, fix }] });
}

function isShallow(given: unknown): boolean {
  let level: object[] = [{ given }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) {
      return false;
    }
    level = level.flatMap((holder) => Object.values(holder).filter((value) => typeof value === "object" && value !== null));
  }
  return true;
}

/** What the command printed as `error: …`: one line, or a numbered list that ends with advice for the CLI's users. */
function problemsIn(text: string): string[] {
  const [, printed = "the engine refused it"] = /\berror: ([\s\S]*?)(?=\n (?:stdout|stderr|err\?):|$)/.exec(text) ?? [];
  const listed = [...printed.matchAll(/^\s+(?:\d+\)|\*) (.*)$/gm)].map(([, line = ""]) => line);
  const problems = listed.filter((line) => !line.includes("rerun with --force"));
  return problems.length > 0 ? problems : [printed.split("\n", 1)[0] ?? ""];
}
