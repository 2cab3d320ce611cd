import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import callbackGrpc from "@pulumi/pulumi/proto/callback_grpc_pb.js";
import callbackPb from "@pulumi/pulumi/proto/callback_pb.js";

const MESSAGE_BYTES_MAX = 400 * 1024 * 1024;
/** What a function of the program threw. The CLI shows where such an error came from when it wraps it. */
export class CallbackError extends Error {
  readonly wrapped: string;
  constructor({ code, details }: ServiceError) {
    super(details);
    this.name = "CallbackError";
    this.wrapped = `rpc error: code = ${codeNames[code] ?? code} desc = ${details}`;
  }
}
/** As the CLI names them. */
const codeNames: Readonly<Record<number, string>> = {
  [status.CANCELLED]: "Canceled",
  [status.INVALID_ARGUMENT]: "InvalidArgument",
  [status.UNAVAILABLE]: "Unavailable",
  [status.UNKNOWN]: "Unknown",
};

/** Calls functions of the program: transforms and hooks, behind the port on which Pulumi's runtime serves them. */
export class CallbackClients {
  readonly #clients = new Map<string, callbackGrpc.CallbacksClient>();
  readonly #signal: AbortSignal;

  /** Calls end with `signal`: a function that never answers must not hold an operation that was cancelled. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws {CallbackError} */
  async call(callback: callbackPb.Callback, request: Uint8Array): Promise<Uint8Array> {
    const message = new callbackPb.CallbackInvokeRequest().setToken(callback.getToken()).setRequest(request);
    return new Promise((resolve, reject) => {
      const call = this.#client(callback.getTarget()).invoke(message, (error: ServiceError | null, response) => {
        this.#signal.removeEventListener("abort", cancel);
        if (error) {
          reject(new CallbackError(error));
        } else {
          resolve(response.getResponse_asU8());
        }
      });
      const cancel = () => call.cancel();
      this.#signal.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    for (const client of this.#clients.values()) {
      client.close();
    }
  }

  #client(target: string): callbackGrpc.CallbacksClient {
    let client = this.#clients.get(target);
    if (!client) {
      client = new callbackGrpc.CallbacksClient(target, credentials.createInsecure(), {
        "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
        "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
      });
      this.#clients.set(target, client);
    }
    return client;
  }
}
