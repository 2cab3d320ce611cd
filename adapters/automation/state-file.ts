import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation/index.js";
import { ClawError, STACK_BYTES_MAX, type StackExport } from "../../sdk/contract/index.ts";
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

/** An export as a file has it. @throws {ClawError} `stack.too_large` when no import would take it */
export function fileOf({ stack }: TenantStack, exported: StackExport, bytesMax = STACK_BYTES_MAX): Uint8Array {
  const file = Buffer.from(JSON.stringify(exported));
  if (file.length > bytesMax) {
    throw new ClawError(
      "stack.too_large",
      `the state of stack '${stack}' comes to ${file.length} bytes, and an import takes ${bytesMax}: a backup of the database holds it too`,
    );
  }
  return file;
}

/** The Automation API's own import leaves its file behind when it is refused, readable by all. */
export async function importInto({ name, workspace }: Stack, exported: StackExport): Promise<void> {
  const { pulumiCommand, workDir, envVars } = workspace as unknown as Runnable;
  const file = join(workDir, `import-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(exported), { mode: 0o600 });
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
  } finally {
    await rm(file, { force: true });
  }
}

/** What the command printed as `error: …`: one line, or a numbered list that ends with advice for the CLI's users. */
function problemsIn(text: string): string[] {
  const [, printed = "the engine refused it"] = /\berror: ([\s\S]*?)(?=\n (?:stdout|stderr|err\?):|$)/.exec(text) ?? [];
  const listed = [...printed.matchAll(/^\s+(?:\d+\)|\*) (.*)$/gm)].map(([, line = ""]) => line);
  const problems = listed.filter((line) => !line.includes("rerun with --force"));
  return problems.length > 0 ? problems : [printed.split("\n", 1)[0] ?? ""];
}
