import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import statuses from "@pulumi/pulumi/proto/status_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import {
  type CheckFailure,
  type CheckRequest,
  type CheckResult,
  type CreateRequest,
  type DeleteRequest,
  type DiffKind,
  type DiffRequest,
  type DiffResult,
  type ReadRequest,
  ResourceInitError,
  type ResourceProvider,
  type UpdateRequest,
} from "../contract/provider.ts";
import { isUnknown, mapProperties, type PropertyMap, RESOURCE_REFERENCE_SIGNATURE, SIGNATURE_KEY } from "../contract/values.ts";
import { fromStruct, toStruct } from "../deployment/structs.ts";
import type { PluginProcess } from "./plugin-process.ts";

const HANDSHAKE_TIMEOUT_MS = 60_000;
const EXIT_NOTICE_MS = 5_000;
const MESSAGE_BYTES_MAX = 400 * 1024 * 1024;
export const INIT_FAILED_TYPE = "type.googleapis.com/pulumirpc.ErrorResourceInitFailed";
/** In the order of the protocol's `PropertyDiff.Kind`. */
export const diffKinds: readonly DiffKind[] = ["add", "add-replace", "delete", "delete-replace", "update", "update-replace"];
/** In the order of the protocol's `AutonamingOptions.Mode`. */
export const namingModes = ["propose", "enforce", "disable"] as const;
export const diffChanges = ["unknown", "none", "some"] as const;

/** A provider plugin behind its gRPC protocol. */
export class GrpcProvider implements ResourceProvider {
  readonly packageName: string;
  version = "";
  acceptsSecrets = false;
  supportsPreview = false;
  supportsNaming = false;
  readonly #process: PluginProcess;
  readonly #client: ResourceProviderClient;
  readonly #answerWithinMs: number;
  #acceptsResources = false;
  #calls = 0;
  /** Before the end of the process is noticed. */
  #isKilled = false;

  private constructor(packageName: string, process: PluginProcess, answerWithinMs: number) {
    this.packageName = packageName;
    this.#process = process;
    this.#answerWithinMs = answerWithinMs;
    this.#client = new ResourceProviderClient(`127.0.0.1:${process.port}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
      "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
    });
  }

  static async connect(packageName: string, process: PluginProcess, engineAddress: string, answerWithinMs: number): Promise<GrpcProvider> {
    const provider = new GrpcProvider(packageName, process, answerWithinMs);
    try {
      await provider.#handshake(engineAddress);
      return provider;
    } catch (error) {
      await provider.close();
      throw error;
    }
  }

  get isAlive(): boolean {
    return !this.#isKilled && this.#process.isAlive;
  }
  get isBusy(): boolean {
    return this.#calls > 0;
  }

  async #handshake(engineAddress: string): Promise<void> {
    const request = new proto.ProviderHandshakeRequest();
    request.setEngineAddress(engineAddress).setConfigureWithUrn(true).setInvokeWithPreview(false);
    const deadline = new Date(Date.now() + HANDSHAKE_TIMEOUT_MS);
    const response = await optional(
      this.#call<proto.ProviderHandshakeResponse>((callback) => this.#client.handshake(request, new Metadata(), { deadline }, callback)),
    );
    this.acceptsSecrets = response?.getAcceptSecrets() ?? false;
    this.#acceptsResources = response?.getAcceptResources() ?? false;
    this.supportsNaming = response?.getSupportsAutonamingConfiguration() ?? false;
    const info = await optional(
      this.#call<plugin.PluginInfo>((callback) => this.#client.getPluginInfo(new empty.Empty(), callback), this.#answerWithinMs),
    );
    this.version = info?.getVersion() ?? "";
  }

  async checkConfig(req: CheckRequest): Promise<CheckResult> {
    const checked = await optional(
      this.#call<proto.CheckResponse>((callback) => this.#client.checkConfig(this.#checkRequest(req), callback), this.#answerWithinMs),
    );
    return checked ? toCheckResult(checked, req.news) : { inputs: req.news, failures: [] };
  }

  async diffConfig(req: DiffRequest): Promise<DiffResult> {
    const diff = await optional(
      this.#call<proto.DiffResponse>((callback) => this.#client.diffConfig(this.#diffRequest(req), callback), this.#answerWithinMs),
    );
    return diff ? toDiffResult(diff) : { changes: "unknown" };
  }

  async configure(config: PropertyMap): Promise<void> {
    const request = new proto.ConfigureRequest();
    request.setArgs(toStruct(config)).setAcceptsecrets(true).setAcceptresources(true);
    request.setSendsOldInputs(true).setSendsOldInputsToDelete(true);
    for (const [key, value] of Object.entries(config)) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      request.getVariablesMap().set(`${this.packageName}:config:${key}`, text);
    }
    const response = await this.#call<proto.ConfigureResponse>(
      (callback) => this.#client.configure(request, callback),
      this.#answerWithinMs,
    );
    this.acceptsSecrets = response.getAcceptsecrets();
    this.#acceptsResources = response.getAcceptresources();
    this.supportsPreview = response.getSupportspreview();
    this.supportsNaming = response.getSupportsAutonamingConfiguration();
  }

  async check(req: CheckRequest): Promise<CheckResult> {
    const checked = await this.#call<proto.CheckResponse>(
      (callback) => this.#client.check(this.#checkRequest(req), callback),
      this.#answerWithinMs,
    );
    return toCheckResult(checked, req.news);
  }

  async diff(req: DiffRequest): Promise<DiffResult> {
    const diff = await this.#call<proto.DiffResponse>(
      (callback) => this.#client.diff(this.#diffRequest(req), callback),
      this.#answerWithinMs,
    );
    return toDiffResult(diff);
  }

  async create(req: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    const request = new proto.CreateRequest();
    request.setUrn(req.urn).setName(req.name).setType(req.type);
    request.setProperties(this.#wire(req.inputs)).setPreview(req.preview).setTimeout(req.timeoutSeconds);
    const created = await this.#call<proto.CreateResponse>((callback) => this.#client.create(request, callback), this.#limit(req));
    return { id: created.getId(), outputs: fromStruct(created.getProperties()) };
  }

  async read(req: ReadRequest): Promise<{ id: string; inputs?: PropertyMap; outputs?: PropertyMap }> {
    const request = new proto.ReadRequest();
    request.setId(req.id).setUrn(req.urn).setName(req.name).setType(req.type);
    request.setInputs(this.#wire(req.inputs)).setProperties(this.#wire(req.outputs));
    const read = await this.#call<proto.ReadResponse>((callback) => this.#client.read(request, callback));
    const inputs = read.getInputs();
    const outputs = read.getProperties();
    return {
      id: read.getId(),
      ...(inputs && { inputs: fromStruct(inputs) }),
      ...(outputs && { outputs: fromStruct(outputs) }),
    };
  }

  async update(req: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    const request = new proto.UpdateRequest();
    request.setId(req.id).setUrn(req.urn).setName(req.name).setType(req.type);
    request.setOlds(this.#wire(req.oldOutputs)).setOldInputs(this.#wire(req.oldInputs)).setNews(this.#wire(req.news));
    request
      .setIgnorechangesList([...req.ignoreChanges])
      .setPreview(req.preview)
      .setTimeout(req.timeoutSeconds);
    const updated = await this.#call<proto.UpdateResponse>((callback) => this.#client.update(request, callback), this.#limit(req));
    return { outputs: fromStruct(updated.getProperties()) };
  }

  async delete(req: DeleteRequest): Promise<void> {
    const request = new proto.DeleteRequest();
    request.setId(req.id).setUrn(req.urn).setName(req.name).setType(req.type);
    request.setProperties(this.#wire(req.outputs)).setOldInputs(this.#wire(req.inputs)).setTimeout(req.timeoutSeconds);
    await this.#call<empty.Empty>((callback) => this.#client.delete(request, callback), this.#limit(req));
  }

  async invoke(token: string, args: PropertyMap): Promise<{ outputs: PropertyMap; failures: CheckFailure[] }> {
    const request = new proto.InvokeRequest();
    request.setTok(token).setArgs(this.#wire(args));
    const invoked = await this.#call<proto.InvokeResponse>((callback) => this.#client.invoke(request, callback));
    return { outputs: fromStruct(invoked.getReturn()), failures: toFailures(invoked.getFailuresList()) };
  }

  async cancel(): Promise<void> {
    await optional(this.#call<empty.Empty>((callback) => this.#client.cancel(new empty.Empty(), callback)));
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#process.stop();
  }

  /** Ends the process without asking: calls that hang in it fail. */
  kill(): void {
    this.#isKilled = true;
    this.#process.kill();
  }

  #checkRequest(req: CheckRequest): proto.CheckRequest {
    const request = new proto.CheckRequest();
    request.setUrn(req.urn).setName(req.name).setType(req.type).setRandomseed(req.randomSeed);
    if (req.naming) {
      const { mode, proposedName } = req.naming;
      const naming = new proto.CheckRequest.AutonamingOptions().setProposedName(proposedName);
      request.setAutonaming(naming.setMode(namingModes.indexOf(mode) as proto.CheckRequest.AutonamingOptions.Mode));
    }
    return request.setOlds(this.#wire(req.olds)).setNews(this.#wire(req.news));
  }

  #diffRequest(req: DiffRequest): proto.DiffRequest {
    const request = new proto.DiffRequest();
    request.setId(req.id).setUrn(req.urn).setName(req.name).setType(req.type);
    request.setOlds(this.#wire(req.oldOutputs)).setOldInputs(this.#wire(req.oldInputs)).setNews(this.#wire(req.news));
    return request.setIgnorechangesList([...req.ignoreChanges]);
  }

  #wire(map: PropertyMap) {
    return toStruct(this.#acceptsResources ? map : flattenReferences(map));
  }

  /** A resource's own timeout is the provider's to keep; one that exceeds it by far hangs. Without one it may take as long as it takes. */
  #limit({ timeoutSeconds }: { readonly timeoutSeconds: number }): number | undefined {
    return timeoutSeconds > 0 ? timeoutSeconds * 1000 + this.#answerWithinMs : undefined;
  }

  /** A plugin that does not answer within the limit is ended: it serves nobody any more. */
  #call<Response>(
    send: (callback: (error: ServiceError | null, response: Response) => void) => unknown,
    limitMs?: number,
  ): Promise<Response> {
    this.#calls++;
    let timer: NodeJS.Timeout | undefined;
    return new Promise<Response>((resolve, reject) => {
      if (limitMs !== undefined) {
        timer = setTimeout(() => {
          const limit = `${limitMs / 1000} seconds`;
          reject(new Error(`the provider '${this.packageName}' did not answer within ${limit}; its process was ended`));
          this.kill();
        }, limitMs);
      }
      send((error, response) => {
        if (error) {
          void this.#toError(error).then(reject);
        } else {
          resolve(response);
        }
      });
    }).finally(() => {
      clearTimeout(timer);
      this.#calls--;
    });
  }

  async #toError(error: ServiceError): Promise<Error> {
    const failed = initFailedDetail(error.metadata);
    if (failed) {
      const inputs = failed.getInputs();
      const reasons = failed.getReasonsList();
      return new ResourceInitError(
        failed.getId(),
        fromStruct(failed.getProperties()),
        reasons.length > 0 ? reasons : [error.details],
        inputs && fromStruct(inputs),
      );
    }
    // A connection that drops is told before the end of the process is.
    if (error.code === status.UNAVAILABLE && (await this.#process.endsWithin(EXIT_NOTICE_MS))) {
      const printed = this.#process.lastLines;
      const message = `the provider's process ended${printed === "" ? "" : `; it printed:\n${printed}`}`;
      return Object.assign(new Error(message, { cause: error }), { code: status.UNKNOWN });
    }
    return Object.assign(new Error(error.details, { cause: error }), { code: error.code });
  }
}

/** A provider that knows no references gets a resource's ID, or its URN when it is a component. */
function flattenReferences(map: PropertyMap): PropertyMap {
  return mapProperties(map, (value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      return value;
    }
    if (value[SIGNATURE_KEY] !== RESOURCE_REFERENCE_SIGNATURE) {
      return value;
    }
    const { id, urn = null } = value;
    return id === undefined || isUnknown(id) ? (id ?? urn) : id;
  });
}

function toCheckResult(response: proto.CheckResponse, news: PropertyMap): CheckResult {
  const inputs = response.getInputs();
  return { inputs: inputs ? fromStruct(inputs) : news, failures: toFailures(response.getFailuresList()) };
}

function toFailures(failures: proto.CheckFailure[]): CheckFailure[] {
  return failures.map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() }));
}

function toDiffResult(response: proto.DiffResponse): DiffResult {
  const detailed = response.getDetaileddiffMap().getEntryList();
  return {
    changes: diffChanges[response.getChanges()] ?? "unknown",
    replaces: response.getReplacesList(),
    stables: response.getStablesList(),
    deleteBeforeReplace: response.getDeletebeforereplace(),
    diffs: response.getDiffsList(),
    ...(response.getHasdetaileddiff() && {
      detailedDiff: Object.fromEntries(
        detailed.map(([path]) => {
          const diff = response.getDetaileddiffMap().get(path);
          return [path, { kind: diffKinds[diff?.getKind() ?? 4] ?? "update", inputDiff: diff?.getInputdiff() ?? false }];
        }),
      ),
    }),
  };
}

function initFailedDetail(metadata: Metadata): proto.ErrorResourceInitFailed | undefined {
  const [details] = metadata.get("grpc-status-details-bin");
  if (!(details instanceof Uint8Array)) {
    return undefined;
  }
  const failed = statuses.Status.deserializeBinary(details)
    .getDetailsList()
    .find((detail) => detail.getTypeUrl() === INIT_FAILED_TYPE);
  return failed && proto.ErrorResourceInitFailed.deserializeBinary(failed.getValue_asU8());
}

/** Undefined when the provider does not implement the call. */
async function optional<T>(call: Promise<T>): Promise<T | undefined> {
  return call.catch((error: { code?: unknown }) => {
    if (error.code === status.UNIMPLEMENTED) {
      return undefined;
    }
    throw error;
  });
}
