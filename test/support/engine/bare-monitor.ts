import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import * as automation from "@pulumi/pulumi/automation/server.js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import resource from "@pulumi/pulumi/proto/resource_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { makeUrn } from "../../../adapters/engine/contract/urn.ts";
import { runProgram } from "../../../adapters/engine/deployment/program.ts";
import type { OperationRequest } from "../../../adapters/engine/operation.ts";

/** Stripped from Pulumi's published types. */
const { LanguageServer } = automation as unknown as {
  LanguageServer: new (program: () => Promise<void>) => { onPulumiExit(hasError: boolean): void };
};
type Callback = (error: { code: number } | null, response?: unknown) => void;

/** Runs a program against an engine that answers every registration at once: what no engine can be faster than. */
export async function runBare(program: () => Promise<void>): Promise<void> {
  const ref = { project: "bench", stack: "bare" };
  const monitor = new Server();
  const unimplemented = (service: object) =>
    Object.fromEntries(
      Object.keys(service).map((method) => [method, (_call: unknown, callback: Callback) => callback({ code: status.UNIMPLEMENTED })]),
    );
  const done = (_call: unknown, callback: Callback) => callback(null, new empty.Empty());
  monitor.addService(ResourceMonitorService, {
    ...unimplemented(ResourceMonitorService),
    supportsFeature: (_call: unknown, callback: Callback) => callback(null, new resource.SupportsFeatureResponse().setHassupport(true)),
    registerResource: ({ request }: { request: resource.RegisterResourceRequest }, callback: Callback) => {
      const urn = makeUrn(ref.stack, ref.project, request.getParent() || undefined, request.getType(), request.getName());
      const response = new resource.RegisterResourceResponse().setUrn(urn).setObject(request.getObject());
      callback(null, request.getCustom() ? response.setId(`id-${request.getName()}`) : response);
    },
    registerResourceOutputs: done,
    signalAndWaitForShutdown: done,
  });
  monitor.addService(EngineService, {
    ...unimplemented(EngineService),
    log: done,
    setRootResource: (_call: unknown, callback: Callback) => callback(null, new engine.SetRootResourceResponse()),
  });
  const language = new Server();
  language.addService(LanguageRuntimeService, new LanguageServer(program) as never);
  try {
    const [monitorAddress, languageAddress] = await Promise.all([listen(monitor), listen(language)]);
    const request = { ref, dryRun: true, config: new Map(), options: { parallel: 16 } };
    await runProgram(request as unknown as OperationRequest, languageAddress, monitorAddress);
  } finally {
    monitor.forceShutdown();
    language.forceShutdown();
  }
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    );
  });
}
