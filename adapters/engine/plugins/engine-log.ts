import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/engine_pb.js";
import type { CheckRequest } from "../contract/provider.ts";

type Log = NonNullable<CheckRequest["log"]>;

/** What a served provider tells the user, by way of the engine that it serves. */
export class EngineLog {
  #engine: EngineClient | undefined;

  /** Engines give their address as a plugin's last argument, or when they attach to one that runs. */
  connect(address: string): void {
    this.#engine?.close();
    this.#engine = new EngineClient(address, credentials.createInsecure());
  }

  about(urn: string): Log {
    return (severity, message) => {
      const request = new proto.LogRequest()
        .setUrn(urn)
        .setMessage(message)
        .setEphemeral(severity === "status");
      request.setSeverity(severity === "warning" ? proto.LogSeverity.WARNING : proto.LogSeverity.INFO);
      // A message that the engine can't take is lost, the operation is not.
      this.#engine?.log(request, () => undefined);
    };
  }

  close(): void {
    this.#engine?.close();
  }
}
