import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import statuses from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import {
  type CheckFailure,
  type CheckRequest,
  type CheckResult,
  type DiffRequest,
  type DiffResult,
  ResourceInitError,
  type ResourceProvider,
} from "../contract/provider.ts";
import { parseUrn } from "../contract/urn.ts";
import { fromStruct, toStruct } from "../deployment/structs.ts";
import { EngineLog } from "./engine-log.ts";
import { diffChanges, diffKinds, INIT_FAILED_TYPE, namingModes } from "./grpc-provider.ts";

const PARENT_CHECK_MS = 2000;
const MESSAGE_BYTES_MAX = 400 * 1024 * 1024;

/**
 * Serves an in-process provider as a Pulumi plugin: prints the port and stays until the engine ends it, or is gone.
 * With it the real CLI runs the same providers, as `pulumi-resource-<package>` on PATH.
 */
export async function serveProvider(provider: ResourceProvider): Promise<void> {
  const { port } = await listenAsPlugin(provider, process.argv.at(-1));
  process.stdout.write(`${port}\n`);
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) {
      process.exit(0);
    }
  }, PARENT_CHECK_MS).unref();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => process.exit(0));
  }
}

/** The same in a process that does other things too: the CLI finds it by `PULUMI_DEBUG_PROVIDERS=<package>:<port>`. */
export async function listenAsPlugin(provider: ResourceProvider, engineAddress?: string): Promise<{ port: number; close(): void }> {
  const log = new EngineLog();
  if (engineAddress) {
    log.connect(engineAddress);
  }
  const server = new Server({
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  });
  server.addService(ResourceProviderService, handlersOf(provider, log));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    close: () => {
      log.close();
      server.forceShutdown();
    },
  };
}

function handlersOf(provider: ResourceProvider, log: EngineLog) {
  const identity = (request: Identified) => identify(request, log);
  const unimplemented = (_call: unknown, callback: (error: { code: number }) => void) => callback({ code: status.UNIMPLEMENTED });
  // A cancel is for the calls under way; those that come later are another operation's.
  let stop = new AbortController();
  const called = (request: Parameters<typeof identity>[0]) => ({ ...identity(request), signal: stop.signal });
  return {
    ...Object.fromEntries(Object.keys(ResourceProviderService).map((method) => [method, unimplemented])),
    getPluginInfo: unary<empty.Empty, plugin.PluginInfo>(async () => new plugin.PluginInfo().setVersion(provider.version)),
    attach: unary<plugin.PluginAttach, empty.Empty>(async (request) => {
      log.connect(request.getAddress());
      return new empty.Empty();
    }),
    cancel: unary<empty.Empty, empty.Empty>(async () => {
      stop.abort(new Error("the operation was cancelled"));
      stop = new AbortController();
      await provider.cancel?.();
      return new empty.Empty();
    }),
    checkConfig: unary<proto.CheckRequest, proto.CheckResponse>(async (request) => {
      const req = toCheck(request, identity(request));
      return fromCheck((await provider.checkConfig?.(req)) ?? { inputs: req.news, failures: [] });
    }),
    diffConfig: unary<proto.DiffRequest, proto.DiffResponse>(async (request) =>
      fromDiff((await provider.diffConfig?.(toDiff(request, identity(request)))) ?? { changes: "unknown" }),
    ),
    configure: unary<proto.ConfigureRequest, proto.ConfigureResponse>(async (request) => {
      await provider.configure(fromStruct(request.getArgs()));
      return new proto.ConfigureResponse()
        .setAcceptsecrets(provider.acceptsSecrets)
        .setAcceptresources(true)
        .setSupportspreview(provider.supportsPreview)
        .setSupportsAutonamingConfiguration(provider.supportsNaming ?? false);
    }),
    check: unary<proto.CheckRequest, proto.CheckResponse>(async (request) =>
      fromCheck(await provider.check(toCheck(request, identity(request)))),
    ),
    diff: unary<proto.DiffRequest, proto.DiffResponse>(async (request) =>
      fromDiff(await provider.diff(toDiff(request, identity(request)))),
    ),
    create: unary<proto.CreateRequest, proto.CreateResponse>(async (request) => {
      const { id, outputs } = await provider.create({
        ...called(request),
        inputs: fromStruct(request.getProperties()),
        preview: request.getPreview(),
        timeoutSeconds: request.getTimeout(),
      });
      return new proto.CreateResponse().setId(id).setProperties(toStruct(outputs));
    }),
    read: unary<proto.ReadRequest, proto.ReadResponse>(async (request) => {
      const { id, inputs, outputs } = await provider.read({
        ...called(request),
        id: request.getId(),
        inputs: fromStruct(request.getInputs()),
        outputs: fromStruct(request.getProperties()),
      });
      const response = new proto.ReadResponse().setId(id);
      if (inputs) {
        response.setInputs(toStruct(inputs));
      }
      if (outputs) {
        response.setProperties(toStruct(outputs));
      }
      return response;
    }),
    update: unary<proto.UpdateRequest, proto.UpdateResponse>(async (request) => {
      const { outputs } = await provider.update({
        ...called(request),
        id: request.getId(),
        oldInputs: fromStruct(request.getOldInputs()),
        oldOutputs: fromStruct(request.getOlds()),
        news: fromStruct(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
        preview: request.getPreview(),
        timeoutSeconds: request.getTimeout(),
      });
      return new proto.UpdateResponse().setProperties(toStruct(outputs));
    }),
    delete: unary<proto.DeleteRequest, empty.Empty>(async (request) => {
      await provider.delete({
        ...called(request),
        id: request.getId(),
        inputs: fromStruct(request.getOldInputs()),
        outputs: fromStruct(request.getProperties()),
        timeoutSeconds: request.getTimeout(),
      });
      return new empty.Empty();
    }),
    invoke: unary<proto.InvokeRequest, proto.InvokeResponse>(async (request) => {
      if (!provider.invoke) {
        throw Object.assign(new Error("no functions"), { code: status.UNIMPLEMENTED });
      }
      const { outputs, failures } = await provider.invoke(request.getTok(), fromStruct(request.getArgs()));
      return new proto.InvokeResponse().setReturn(toStruct(outputs)).setFailuresList(fromFailures(failures));
    }),
  };
}

function unary<Request, Response>(handle: (request: Request) => Promise<Response>) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    handle(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toStatus(error)),
    );
  };
}

function toStatus(error: unknown): { code: number; details: string; metadata?: Metadata } {
  const details = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof ResourceInitError)) {
    return { code: typeof code === "number" ? code : status.UNKNOWN, details };
  }
  const failed = new proto.ErrorResourceInitFailed();
  failed
    .setId(error.id)
    .setProperties(toStruct(error.outputs))
    .setReasonsList([...error.reasons]);
  if (error.inputs) {
    failed.setInputs(toStruct(error.inputs));
  }
  const detail = new any.Any();
  detail.setTypeUrl(INIT_FAILED_TYPE);
  detail.setValue(failed.serializeBinary());
  const rich = new statuses.Status().setCode(status.UNKNOWN).setMessage(details).setDetailsList([detail]);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(rich.serializeBinary()));
  return { code: status.UNKNOWN, details, metadata };
}

interface Identified {
  getUrn(): string;
  getType(): string;
  getName(): string;
}
type Identity = ReturnType<typeof identify>;

function identify(request: Identified, log: EngineLog) {
  const urn = request.getUrn();
  // Engines before the fields existed send the URN alone.
  const fromUrn = parseUrn(urn);
  return {
    urn,
    type: request.getType() || fromUrn.type,
    name: request.getName() || fromUrn.name,
    log: log.about(urn),
  };
}

function toCheck(request: proto.CheckRequest, identity: Identity): CheckRequest {
  const naming = request.getAutonaming();
  return {
    ...identity,
    olds: fromStruct(request.getOlds()),
    news: fromStruct(request.getNews()),
    randomSeed: request.getRandomseed_asU8(),
    ...(naming && { naming: { mode: namingModes[naming.getMode()] ?? "propose", proposedName: naming.getProposedName() } }),
  };
}

function fromCheck({ inputs, failures }: CheckResult): proto.CheckResponse {
  return new proto.CheckResponse().setInputs(toStruct(inputs)).setFailuresList(fromFailures(failures));
}

function fromFailures(failures: readonly CheckFailure[]): proto.CheckFailure[] {
  return failures.map(({ property, reason }) => new proto.CheckFailure().setProperty(property).setReason(reason));
}

function toDiff(request: proto.DiffRequest, identity: Identity): DiffRequest {
  return {
    ...identity,
    id: request.getId(),
    oldInputs: fromStruct(request.getOldInputs()),
    oldOutputs: fromStruct(request.getOlds()),
    news: fromStruct(request.getNews()),
    ignoreChanges: request.getIgnorechangesList(),
  };
}

function fromDiff(diff: DiffResult): proto.DiffResponse {
  const response = new proto.DiffResponse();
  response.setChanges(diffChanges.indexOf(diff.changes) as proto.DiffResponse.DiffChanges);
  response.setReplacesList([...(diff.replaces ?? [])]).setStablesList([...(diff.stables ?? [])]);
  response.setDiffsList([...(diff.diffs ?? [])]).setDeletebeforereplace(diff.deleteBeforeReplace ?? false);
  response.setHasdetaileddiff(diff.detailedDiff !== undefined);
  for (const [path, { kind, inputDiff }] of Object.entries(diff.detailedDiff ?? {})) {
    const property = new proto.PropertyDiff().setInputdiff(inputDiff);
    response.getDetaileddiffMap().set(path, property.setKind(diffKinds.indexOf(kind) as proto.PropertyDiff.Kind));
  }
  return response;
}
