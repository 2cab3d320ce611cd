// Runs NanoClaw's host process in the instance's data directory, and says over HTTP how it is: itself it answers on a Unix socket alone.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";

const EX_CONFIG = 78;
const [port, root, config = ""] = process.argv.slice(2);
const software = process.env.NANOCLAW_DIR ?? "";
if (!existsSync(join(software, "dist/index.js"))) {
  console.error(`there is no built NanoClaw in '${software}': it has no dist/index.js`);
  process.exit(EX_CONFIG);
}

// It takes the directory that it runs in for its checkout, and keeps everything there.
for (const part of ["bin", "container", "dist", "node_modules", "package.json", "scripts", "setup", "src", "tsconfig.json"]) {
  const link = join(root, part);
  rmSync(link, { recursive: true, force: true });
  symlinkSync(join(software, part), link);
}
// Which folders of the host its agents may see, it looks for in the home folder alone.
const mounts = rendered("mount-allowlist.json");
if (mounts) {
  const folder = join(process.env.HOME ?? root, ".config/nanoclaw");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "mount-allowlist.json"), JSON.stringify(mounts), { mode: 0o600 });
}
for (const [folder, { instructions, container }] of Object.entries(rendered("groups.json") ?? {})) {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(folder) || folder === "global") {
    console.error(`'${folder}' can't be the folder of a group: letters, digits, '_' and '-', and not 'global'`);
    process.exit(EX_CONFIG);
  }
  mkdirSync(join(root, "groups", folder), { recursive: true });
  seed(join(root, "groups", folder, "CLAUDE.local.md"), instructions);
  seed(join(root, "groups", folder, "container.json"), container && JSON.stringify(container));
}

/** What the platform has rendered of that name. */
function rendered(name) {
  return existsSync(join(config, name)) ? JSON.parse(readFileSync(join(config, name), "utf8")) : undefined;
}

/** What its agents have written there since is theirs. */
function seed(path, content) {
  if (content !== undefined && !existsSync(path)) {
    writeFileSync(path, content);
  }
}

// Whoever starts us waits between attempts already: it would add up to 15 minutes of its own.
rmSync(join(root, "data/circuit-breaker.json"), { force: true });

const env = { ...process.env, WEBHOOK_PORT: String(Number(port) + 1) };
const claw = spawn(process.execPath, ["dist/index.js"], { cwd: root, env, stdio: "inherit" });
claw.once("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
claw.once("exit", (code) => process.exit(code ?? 1));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => claw.kill(signal));
}

/** Its command socket is the last thing that it opens. */
function answers() {
  return new Promise((resolve) => {
    const socket = connect(join(root, "data/ncl.sock"));
    let text = "";
    const end = (isAnswer) => {
      socket.destroy();
      resolve(isAnswer);
    };
    socket.setTimeout(2000, () => end(false));
    socket.once("error", () => end(false));
    socket.once("end", () => end(false));
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) {
        end(text.includes('"ok"'));
      }
    });
    socket.write(`${JSON.stringify({ id: "health", command: "help", args: {} })}\n`);
  });
}

const STATUS = {
  "/startupz": async () => ({ status: (await answers()) ? "started" : "starting" }),
  "/readyz": async () => ({ ready: await answers() }),
  "/healthz": async () => ({ status: "live" }),
};
createServer(async ({ url }, response) => {
  const body = await STATUS[url]?.();
  response.writeHead(body ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(body ?? { error: `there is no ${url}` }));
}).listen(Number(port), "127.0.0.1");
