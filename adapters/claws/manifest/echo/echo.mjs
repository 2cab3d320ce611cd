import { readFileSync, watch } from "node:fs";
import { createServer } from "node:http";

const EX_CONFIG = 78;
const CONFIG = new URL("config.json", import.meta.url);
const token = process.env.ECHO_TOKEN;

function readConfig() {
  const { reply = {} } = JSON.parse(readFileSync(CONFIG, "utf8"));
  const { prefix = "", wordDelayMs = 0 } = reply;
  if (typeof prefix !== "string" || typeof wordDelayMs !== "number") {
    throw new TypeError("reply.prefix must be a text and reply.wordDelayMs a number");
  }
  return { prefix, wordDelayMs };
}

let config;
try {
  config = readConfig();
} catch (error) {
  console.error(`config.json: ${error.message}`);
  process.exit(EX_CONFIG);
}

// The directory, since the file is replaced by a rename.
watch(new URL(".", CONFIG), (_event, name) => {
  if (name === "config.json") {
    try {
      config = readConfig();
      console.log("config.json reloaded");
    } catch (error) {
      console.error(`config.json ignored, keeping the former: ${error.message}`);
    }
  }
});

const STATUS = {
  "/startupz": { ok: true, status: "started" },
  "/readyz": { ready: true, failing: [] },
  "/healthz": { ok: true, status: "live" },
};

const server = createServer(async (req, res) => {
  const { pathname } = new URL(req.url, "http://localhost");
  if (req.method === "GET" && STATUS[pathname]) {
    json(res, 200, STATUS[pathname]);
  } else if (token && req.headers.authorization !== `Bearer ${token}`) {
    json(res, 401, { error: { message: "a bearer token is required" } });
  } else if (req.method === "POST" && pathname === "/v1/chat/completions") {
    await chat(req, res);
  } else {
    json(res, 404, { error: { message: `there is no ${req.method} ${pathname}` } });
  }
});

async function chat(req, res) {
  let body;
  try {
    const chunks = [];
    for await (const chunk of req) {
      chunks.push(chunk);
    }
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    json(res, 400, { error: { message: `not a JSON body: ${error.message}` } });
    return;
  }
  const said = textOf(body.messages?.findLast?.((message) => message.role === "user")?.content);
  const words = `${config.prefix}${said}`.match(/\S+\s*|\s+/g) ?? [];
  console.log(`echoing ${words.length} words`);
  const spoken = said.match(/\S+/g)?.length ?? 0;
  const usage = { prompt_tokens: spoken, completion_tokens: words.length, total_tokens: spoken + words.length };
  const envelope = { id: `echo-${Date.now()}`, created: Math.floor(Date.now() / 1000), model: "echo" };
  if (!body.stream) {
    await pause(config.wordDelayMs * words.length);
    const message = { role: "assistant", content: words.join("") };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    json(res, 200, { ...envelope, object: "chat.completion", choices, usage });
    return;
  }
  res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const send = (choices, more) =>
    res.write(`data: ${JSON.stringify({ ...envelope, object: "chat.completion.chunk", choices, ...more })}\n\n`);
  for (const word of words) {
    await pause(config.wordDelayMs);
    send([{ index: 0, delta: { content: word }, finish_reason: null }]);
  }
  send([{ index: 0, delta: {}, finish_reason: "stop" }]);
  if (body.stream_options?.include_usage) {
    send([], { usage });
  }
  res.end("data: [DONE]\n\n");
}

function textOf(content) {
  return Array.isArray(content) ? content.map((part) => part.text ?? "").join("") : String(content ?? "");
}

function pause(ms) {
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined;
}

function json(res, status, body) {
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

server.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("echo claw is listening"));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    console.log(`${signal}: finishing the replies in flight`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
