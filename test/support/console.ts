import { once } from "node:events";
import { WebSocket } from "ws";

/** What a terminal of a tenant's instance answers to these lines. */
export async function consoleOf(
  { url, token }: { readonly url: string; readonly token: string },
  tenant: string,
  name: string,
  lines: readonly string[],
): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/instances/${name}/console/stream?cols=500`, {
    headers: { authorization: `Bearer ${token}`, "x-claw-tenant": tenant },
  });
  let text = "";
  socket.on("message", (data: Buffer) => {
    text += data.toString();
  });
  await once(socket, "open");
  // Without the echo of what is typed.
  socket.send(Buffer.from(`stty -echo; PS1=; cat > /dev/null <<'END'\nEND\n${lines.join("\n")}\nexit\n`));
  await once(socket, "close");
  return text;
}
