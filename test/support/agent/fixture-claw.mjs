// A claw for the agent's tests. Its behaviour is set by environment variables:
//   EXIT_CODE, EXIT_AFTER_MS  ends by itself      READY_AFTER_MS  answers "starting" until then
//   HTML=1   answers every path with 200 HTML     SILENT=1        never listens
//   CHILD=1  starts a child that ignores SIGTERM  CHATTY_BYTES    writes that many bytes of log at once
//   SIGUSR2  restarts in place: not ready for 200 ms; NO_RESTART_SIGNAL=1 ends by it
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { Readable } from "node:stream";

const { env } = process;
const port = Number(env.PORT ?? 0);
let readyAt = Date.now() + Number(env.READY_AFTER_MS ?? 0);
let boots = 1;
console.log(`fixture claw ${process.pid} starts`);
if (env.CHATTY_BYTES) {
  const line = `${"x".repeat(99)}\n`;
  for (let written = 0; written < Number(env.CHATTY_BYTES); written += 100) {
    process.stdout.write(line);
  }
}
if (env.CHILD) {
  const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], {
    stdio: "ignore",
    detached: env.CHILD === "detached",
  });
  console.log(`child ${child.pid}`);
}
if (env.EXIT_CODE) {
  setTimeout(
    () => {
      console.error(`ending, my token is ${env.CLAW_TOKEN}`);
      process.exit(Number(env.EXIT_CODE));
    },
    Number(env.EXIT_AFTER_MS ?? 0),
  );
}
const json = (res, status, body) => res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const server = createServer((req, res) => {
  if (env.HTML) {
    res.writeHead(200, { "content-type": "text/html" }).end("<html>not yours</html>");
  } else if (req.url === "/startupz") {
    const isReady = Date.now() >= readyAt;
    json(res, isReady ? 200 : 503, { status: isReady ? "started" : "starting", boots, pid: process.pid });
  } else if (req.url === "/readyz") {
    json(res, 200, { ready: !existsSync("unready") });
  } else if (req.url === "/healthz") {
    json(res, 200, { ok: !existsSync("dead") });
  } else if (req.url === "/env") {
    json(res, 200, { env, cwd: process.cwd(), argv: process.argv });
  } else if (req.url?.startsWith("/slow")) {
    console.log("slow request");
    setTimeout(() => json(res, 200, { done: true }), 1_000);
  } else if (req.url === "/big") {
    Readable.from(Array(100).fill(Buffer.alloc(1024 * 1024, "x"))).pipe(res);
  } else if (req.url === "/deaf") {
    console.log("reads no more");
  } else if (req.url === "/v1/chat/completions") {
    chat(req, res);
  } else {
    json(res, 404, { error: { message: "no such path" } });
  }
});
function chat(req, res) {
  let body = "";
  req.on("data", (chunk) => {
    body += chunk;
  });
  req.on("end", async () => {
    const { messages, stream, user } = JSON.parse(body);
    if (req.headers.authorization !== `Bearer ${env.CLAW_TOKEN}`) {
      return json(res, 401, { error: { message: "wrong token" } });
    }
    if (!stream) {
      return json(res, 400, { error: { message: "stream only" } });
    }
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.on("close", () => console.log(res.writableFinished ? "chat finished" : "chat aborted"));
    const send = (data) => res.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
    for (const word of `${user}: ${messages[0].content}`.split(/(?<= )/)) {
      send({ choices: [{ delta: { content: word } }] });
      await new Promise((resolve) => setTimeout(resolve, Number(env.WORD_MS ?? 0)));
    }
    send({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } });
    send("[DONE]");
    res.end();
  });
}
if (!env.SILENT) {
  server.listen(port, "127.0.0.1");
}
if (!env.NO_RESTART_SIGNAL) {
  process.on("SIGUSR2", () => {
    boots += 1;
    readyAt = Date.now() + 200;
  });
}
process.on("SIGTERM", () => {
  if (env.STUBBORN) {
    return;
  }
  console.log("stopping");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
setInterval(() => {}, 60_000);
