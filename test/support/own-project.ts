import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { aHost } from "./agent/harness.ts";
import { freePort } from "./free-port.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly printed: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
}

/** The programs of a page, by the names in its comments: `<!-- up.ts -->`. */
export function programsOf(page: string): Record<string, string> {
  const text = readFileSync(join(root, page), "utf8");
  return Object.fromEntries(
    [...text.matchAll(/<!-- (\S+) -->\n\n```\w+\n([\s\S]*?)```/g)].map(([, name = "", program = ""]) => [name, program]),
  );
}

/**
 * Somebody's project, in a folder below the one where the package is installed, with a folder of this host and a free port in place of
 * those that a page names.
 */
export async function ownProject(
  installed: string,
  files: Readonly<Record<string, string>>,
  replaced: Readonly<Record<string, string>> = {},
) {
  const dir = mkdtempSync(join(installed, "own-"));
  const host = aHost();
  const port = await freePort();
  const here = (text: string) =>
    Object.entries({
      "/srv/claws": join(host, "claws"),
      "18080": String(port),
      "node_modules/open-cluster-claw/dist": join(installed, "node_modules/open-cluster-claw/dist"),
      ...replaced,
    }).reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
  writeFileSync(join(dir, "package.json"), JSON.stringify({ type: "module" }));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, name), here(text));
  }
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningProgram => {
    const child = spawn(process.execPath, args, {
      cwd: dir,
      env: { PATH: process.env["PATH"], HOME: host, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    return { child, printed: () => output, ended: once(child, "close").then(([code]) => ({ code, output })) };
  };
  return {
    dir,
    port,
    start,
    /** @throws with all that it printed when it fails */
    run: async (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string> => {
      const { code, output } = await start(args, env).ended;
      if (code !== 0) {
        throw new Error(`${args.join(" ")} ended with ${code}:\n${output}`);
      }
      return output;
    },
  };
}
