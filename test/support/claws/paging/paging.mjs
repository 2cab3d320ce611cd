import { createHash } from "node:crypto";
import { createServer } from "node:http";

const PAGE = `<!doctype html><title>Paging</title><p id="said">nothing</p><script>
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/socket");
  socket.onopen = () => socket.send("hello from a page");
  socket.onmessage = ({ data }) => { document.getElementById("said").textContent = data; };
  socket.onclose = () => { document.title = "closed"; };
</script>`;

const server = createServer(async (req, res) => {
  if (req.url === "/readyz") {
    res.setHeader("content-type", "application/json").end('{"ready":true}');
    return;
  }
  if (req.url === "/") {
    res.setHeader("content-type", "text/html").setHeader("set-cookie", ["own=1; Path=/; Domain=localhost", "claw-session=stolen; Path=/"]);
    res.setHeader("clear-site-data", '"cookies"').end(PAGE);
    return;
  }
  if (req.url === "/away") {
    res.writeHead(302, { location: "http://localhost/here" }).end();
    return;
  }
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
  }
  const { method, url, headers } = req;
  res.setHeader("content-type", "application/json").end(JSON.stringify({ method, url, headers, bytes }));
});

/** Says short texts again (RFC 6455), with the address of the page whose they are. */
server.on("upgrade", (req, socket) => {
  const key = createHash("sha1").update(`${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${key}\r\n\r\n`);
  socket.on("data", (frame) => {
    if (frame[0] === 0x81) {
      const length = frame[1] & 0x7f;
      const text = frame.subarray(6, 6 + length).map((byte, index) => byte ^ frame[2 + (index % 4)]);
      const answer = Buffer.from(`${text.toString()}, of ${req.headers.origin}`);
      socket.write(Buffer.concat([Buffer.of(0x81, answer.length), answer]));
    }
  });
  socket.on("error", () => {});
});

process.on("SIGTERM", () => process.exit(0));
server.listen(Number(process.argv[2]), "127.0.0.1");
