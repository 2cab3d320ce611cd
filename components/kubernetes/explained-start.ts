import type { ClawRuntime } from "../../sdk/contract/index.ts";

/** Where Kubernetes takes a container's last word from. */
export const LAST_WORD = "/dev/termination-log";
const EXPLAIN_MS = 60_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;

/** Makes `clean`, which takes the values of variables out of a text, of their names in `secrets`. */
export const PARTS_OF_SECRETS = `
const parts = secrets.flatMap((name) => (process.env[name] ?? "").split("\\n")).map((line) => line.trim()).filter((line) => line.length >= 4);
const clean = (said) => parts.sort((a, b) => b.length - a.length).reduce((text, part) => text.replaceAll(part, "[secret]"), said);
`.trim();

/** What a claw in a pod is asked once it has failed to start: `node -e` of this, with the question as its argument. */
const ASK = `
const { spawnSync } = require("node:child_process");
const { command, secrets, file } = JSON.parse(process.argv[1]);
const { stdout } = spawnSync(command[0], command.slice(1), { encoding: "utf8", timeout: ${EXPLAIN_MS}, maxBuffer: ${OUTPUT_BYTES_MAX} });
let issues = [];
try {
  issues = JSON.parse(stdout.slice(stdout.indexOf("{"), stdout.lastIndexOf("}") + 1)).issues;
} catch {}
const said = Array.isArray(issues) ? issues.slice(0, 5).map(({ path, message }) => (path ? path + ": " : "") + message) : [];
${PARTS_OF_SECRETS}
const text = clean(said.join("; "));
if (text !== "") {
  require("node:fs").writeFileSync(file, "It says: " + text.slice(0, 2000));
}
`.trim();

/**
 * The arguments of a claw's container that leave the claw's own word when it fails to start: nobody else in the pod has its program. A shell is
 * what stays beside it, which hands a stop on and ends as the claw does.
 */
export function explainedStart(
  { explain, startup }: Pick<ClawRuntime, "explain" | "startup">,
  args: readonly string[],
  resolve: (text: string) => string,
  secrets: readonly string[],
  file = LAST_WORD,
): string[] {
  if (!explain) {
    return [...args];
  }
  const question = JSON.stringify({ command: explain.command.map(resolve), secrets, file });
  const script = [
    `trap 'stopped=1; kill -TERM "$claw" 2>/dev/null' TERM INT`,
    `began=$(date +%s)`,
    `"$@" & claw=$!`,
    // A wait that a signal ends early is none of the claw's end.
    `wait "$claw"; code=$?`,
    `while kill -0 "$claw" 2>/dev/null; do wait "$claw"; code=$?; done`,
    `if [ "$code" -ne 0 ] && [ -z "$stopped" ] && [ $(($(date +%s) - began)) -lt ${Math.ceil(startup.timeoutSeconds)} ]; then`,
    `  node -e ${quoted(ASK)} ${quoted(question)} || true`,
    `fi`,
    `exit "$code"`,
  ];
  return ["sh", "-c", script.join("\n"), "claw", ...args];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
