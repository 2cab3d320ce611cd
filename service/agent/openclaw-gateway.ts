import { WebSocket } from "ws";

const ANSWER_TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** What of an object may be anything: claws are not trusted, and the schemas would cost every agent a third of its memory. */
export type Unknown = Readonly<Record<string, unknown>>;
export const asObject = (value: unknown): Unknown => (typeof value === "object" && value !== null ? (value as Unknown) : {});
export const asList = (value: unknown): readonly Unknown[] => (Array.isArray(value) ? value.map(asObject) : []);

function parse(data: Buffer, isBinary: boolean): Unknown {
  try {
    return asObject(isBinary ? undefined : JSON.parse(data.toString()));
  } catch {
    return {};
  }
}

/** One call of OpenClaw's gateway protocol: its challenge, `connect`, then the method. @throws when it does not answer */
export function callGateway(port: number, token: string, method: string): Promise<Unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
      perMessageDeflate: false,
      handshakeTimeout: ANSWER_TIMEOUT_MS,
      maxPayload: ANSWER_BYTES_MAX,
    });
    const timeout = setTimeout(() => socket.terminate(), ANSWER_TIMEOUT_MS);
    const call = (name: string, params: object) => socket.send(JSON.stringify({ type: "req", id: name, method: name, params }), () => {});
    socket.on("message", (data: Buffer, isBinary) => {
      const { event, id, ok, payload } = parse(data, isBinary);
      if (event === "connect.challenge") {
        call("connect", {
          minProtocol: 4,
          maxProtocol: 4,
          client: { id: "gateway-client", version: "1", platform: process.platform, mode: "backend" },
          role: "operator",
          scopes: ["operator.read"],
          caps: [],
          auth: { token },
        });
      } else if (id !== undefined && ok !== true) {
        socket.close();
      } else if (id === "connect") {
        call(method, {});
      } else if (id === method) {
        resolve(asObject(payload));
        socket.close();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timeout);
      reject(new Error("the claw ended the conversation"));
    });
  });
}
