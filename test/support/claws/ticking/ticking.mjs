import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const server = createServer(async (req, res) => {
  if (req.method === "GET") {
    res.setHeader("content-type", "application/json").end('{"ready":true}');
    return;
  }
  const chunks = [];
  for await (const chunk of req) {
    chunks.push(chunk);
  }
  const { messages } = JSON.parse(Buffer.concat(chunks).toString());
  const seconds = Number(messages.at(-1).content);
  res.setHeader("content-type", "text/event-stream");
  // Not all in the same millisecond.
  await delay(Math.random() * 1000);
  for (let tick = 0; tick < seconds && !res.destroyed; tick++) {
    say(res, { delta: { content: `${performance.timeOrigin + performance.now()} ` } });
    await delay(1000);
  }
  say(res, { delta: {}, finish_reason: "stop" });
  res.end("data: [DONE]\n\n");
});

function say(res, choice) {
  res.write(`data: ${JSON.stringify({ object: "chat.completion.chunk", model: "ticking", choices: [{ index: 0, ...choice }] })}\n\n`);
}

process.on("SIGTERM", () => process.exit(0));
server.listen(Number(process.argv[2]), "127.0.0.1");
