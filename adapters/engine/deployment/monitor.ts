import type { ServerUnaryCall, ServiceError, sendUnaryData } from "@grpc/grpc-js";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginePb from "@pulumi/pulumi/proto/engine_pb.js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";
import resourceGrpc from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import resourcePb from "@pulumi/pulumi/proto/resource_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { isProviderType, makeUrn, packageOf, parseReference, parseUrn, providerPackage } from "../contract/urn.ts";
import { mapProperties, type PropertyMap, unwrapSecret } from "../contract/values.ts";
import { hashAssets } from "./assets.ts";
import { DefaultProviderDeniedError, DefaultProviders } from "./default-providers.ts";
import { endDirectCalls, serveDirectly } from "./direct-calls.ts";
import type { Severity } from "./events.ts";
import type { Execution } from "./execution.ts";
import { BailError } from "./execution.ts";
import type { Registration } from "./goals.ts";
import { decodeRegistration } from "./goals.ts";
import { fromStruct, PlainStruct, stripSecrets } from "./properties.ts";
import { providerInputs } from "./providers.ts";
import { ResourceTree } from "./resource-tree.ts";
import type { StepExecutor } from "./step-executor.ts";
import type { StepGenerator } from "./step-generator.ts";
import type { Goal, RegisterResult } from "./steps.ts";

const MESSAGE_BYTES_MAX = 400 * 1024 * 1024;

/** Secrets, references, output values, alias specs, replacementTrigger, deletedWith, replaceWith, dependsOn and parent of invokes. */
const features: resourcePb.ResourceMonitorFeature[] = [0, 1, 2, 3, 4, 5, 6, 14, 15];
const featureNames = new Set([
  "secrets",
  "resourceReferences",
  "outputValues",
  "aliasSpecs",
  "replacementTrigger",
  "deletedWith",
  "replaceWith",
  "invokeDependsOn",
]);

const severities: readonly Severity[] = ["debug", "info", "warning", "error"];

/** An error for the program alone: the operation goes on when the program handles it. */
class RequestError extends Error {
  readonly code: status;
  constructor(code: status, message: string) {
    super(message);
    this.name = "RequestError";
    this.code = code;
  }
}

/** Serves the program: Pulumi's ResourceMonitor and Engine services on one local port. */
export class Monitor {
  readonly #execution: Execution;
  readonly #generator: StepGenerator;
  readonly #executor: StepExecutor;
  readonly #defaultProviders: DefaultProviders;
  readonly #server: Server;
  readonly #services: readonly (readonly [definition: object, handlers: object])[];
  /** What children inherit, by URN. */
  readonly #goals = new Map<string, { goal: Goal; providers: ReadonlyMap<string, string> }>();
  readonly #tree = new ResourceTree();
  readonly #pending = new Set<() => void>();
  readonly #programEnded = Promise.withResolvers<void>();
  readonly #shutdown = Promise.withResolvers<void>();
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;
  #rootUrn = "";
  address = "";

  constructor(execution: Execution, generator: StepGenerator, executor: StepExecutor) {
    this.#execution = execution;
    this.#generator = generator;
    this.#executor = executor;
    this.#defaultProviders = new DefaultProviders(execution.request.config, (goal) => generator.register(goal));
    this.#server = new Server({
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
      "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
    });
    const monitor = {
      getDeploymentInfo: this.#serve(() => this.#deploymentInfo()),
      supportsFeature: this.#serve((request: resourcePb.SupportsFeatureRequest) =>
        new resourcePb.SupportsFeatureResponse().setHassupport(featureNames.has(request.getId())),
      ),
      registerResource: this.#serve((request: resourcePb.RegisterResourceRequest) => this.#registerResource(request)),
      registerResourceOutputs: this.#serve((request: resourcePb.RegisterResourceOutputsRequest) => this.#registerOutputs(request)),
      readResource: this.#serve((request: resourcePb.ReadResourceRequest) => this.#readResource(request)),
      invoke: this.#serve((request: resourcePb.ResourceInvokeRequest) => this.#invoke(request)),
      call: this.#serve(() => refuse("calls of component methods")),
      registerStackTransform: this.#serve(() => refuse("transforms")),
      registerStackInvokeTransform: this.#serve(() => refuse("invoke transforms")),
      registerResourceHook: this.#serve(() => refuse("resource hooks")),
      registerErrorHook: this.#serve(() => refuse("error hooks")),
      registerPackage: this.#serve(() => refuse("parameterised packages")),
      signalAndWaitForShutdown: this.#serve(() => this.#signalAndWait()),
    };
    const engine = {
      log: this.#serve((request: enginePb.LogRequest) => this.#log(request)),
      getRootResource: this.#serve(() => new enginePb.GetRootResourceResponse().setUrn(this.#rootUrn)),
      setRootResource: this.#serve((request: enginePb.SetRootResourceRequest) => {
        this.#rootUrn = request.getUrn();
        return new enginePb.SetRootResourceResponse();
      }),
      requirePulumiVersion: this.#serve(() => new enginePb.RequirePulumiVersionResponse()),
      startDebugging: this.#serve(() => new emptyPb.Empty()),
    };
    this.#services = [
      [resourceGrpc.ResourceMonitorService, monitor],
      [engineGrpc.EngineService, engine],
    ];
    for (const [definition, handlers] of this.#services) {
      this.#server.addService(definition as never, handlers as never);
    }
    execution.stop.signal.addEventListener("abort", () => this.#refuseRest(), { once: true });
  }

  async listen(): Promise<void> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error) {
          reject(error);
        } else {
          resolve(bound);
        }
      });
    });
    this.address = `127.0.0.1:${port}`;
    serveDirectly(this.address, this.#services);
  }

  /** Resolves when the program said that it will register nothing more. */
  get programEnded(): Promise<void> {
    return this.#programEnded.promise;
  }
  /** Resolves when no request of the program is being worked on. */
  async idle(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    }
  }
  /** Lets the program go that waits for the end of the operation. */
  release(): void {
    this.#shutdown.resolve();
  }
  close(): void {
    this.#refuseRest();
    endDirectCalls(this.address);
    this.#server.forceShutdown();
  }

  #serve<Request, Response>(work: (request: Request) => Response | Promise<Response>) {
    return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
      const terminate = () => {
        this.#pending.delete(terminate);
        callback({ code: status.UNAVAILABLE, details: "resource monitor shut down" });
      };
      if (this.#execution.stopped) {
        terminate();
        return;
      }
      this.#pending.add(terminate);
      const answer = (error: Partial<ServiceError> | null, response?: Response) => {
        if (this.#pending.delete(terminate)) {
          callback(error, response);
        }
      };
      const refuse = (error: unknown) => {
        if (error instanceof RequestError) {
          answer({ code: error.code, details: error.message });
        } else {
          this.#execution.fail(error);
        }
      };
      try {
        const response = work(call.request);
        if (response instanceof Promise) {
          response.then((value) => answer(null, value), refuse);
        } else {
          answer(null, response);
        }
      } catch (error) {
        refuse(error);
      }
    };
  }
  /** The program sees that the operation is over, and ends quietly. */
  #refuseRest(): void {
    for (const terminate of [...this.#pending]) {
      terminate();
    }
    this.#programEnded.resolve();
    this.#shutdown.resolve();
  }
  async #track<T>(work: () => Promise<T>): Promise<T> {
    this.#inFlight++;
    try {
      return await work();
    } finally {
      if (--this.#inFlight === 0) {
        this.#whenIdle?.();
      }
    }
  }

  #deploymentInfo(): resourcePb.DeploymentInfo {
    const { ref, dryRun } = this.#execution.request;
    return new resourcePb.DeploymentInfo()
      .setProject(ref.project)
      .setStack(ref.stack)
      .setOrganization("organization")
      .setDryrun(dryRun)
      .setSupportedfeaturesList([...features]);
  }

  #log(request: enginePb.LogRequest): emptyPb.Empty {
    const severity = severities[request.getSeverity()] ?? "info";
    // The SDK's debug messages repeat whole responses, secrets in the clear.
    const message = severity === "debug" ? request.getMessage().replace(/resp: .*/s, "") : request.getMessage();
    this.#execution.events.diagnostic(severity, message, request.getUrn(), {
      streamID: request.getStreamid(),
      ephemeral: request.getEphemeral(),
    });
    return new emptyPb.Empty();
  }

  async #signalAndWait(): Promise<emptyPb.Empty> {
    this.#programEnded.resolve();
    await this.#shutdown.promise;
    return new emptyPb.Empty();
  }

  #registerResource(request: resourcePb.RegisterResourceRequest): Promise<resourcePb.RegisterResourceResponse> {
    return this.#track(async () => {
      const registration = decodeRegistration(request);
      if (registration.remote) {
        refuse("remote components");
      }
      if (registration.packageRef) {
        refuse("parameterised packages");
      }
      const leave = this.#tree.enter(registration.parent);
      try {
        const { goal, providers } = await this.#settle(registration);
        const result = await this.#generator.register(goal).catch((error: unknown) => {
          this.#execution.fail(error, this.#urnOf(goal.parent, goal.type, goal.name));
          throw new BailError(String(error));
        });
        const { urn } = result.state;
        this.#goals.set(urn, { goal, providers });
        this.#tree.add(urn, goal.parent, goal.custom, Boolean(result.state.id));
        return toResponse(result, goal.custom, registration.acceptsSecrets);
      } finally {
        leave();
      }
    });
  }

  /** Adds what a resource inherits from its parent, and its provider. */
  async #settle(registration: Registration): Promise<{ goal: Goal; providers: ReadonlyMap<string, string> }> {
    const { type, custom, parent } = registration;
    const above = parent ? this.#goals.get(parent) : undefined;
    const packageName = packageOf(type);
    let { provider } = registration;
    if (!provider && above?.goal.provider) {
      const inherited = providerPackage(parseUrn(parseReference(above.goal.provider).urn).type);
      if (custom && inherited === packageName) {
        provider = above.goal.provider;
      }
    }
    let { inputs } = registration;
    if (custom && isProviderType(type)) {
      provider = undefined;
      inputs = providerInputs(inputs, registration.version, registration.pluginDownloadUrl);
    } else if (custom) {
      const { version, pluginDownloadUrl } = registration;
      provider ??= registration.providers.get(packageName) ?? above?.providers.get(packageName);
      provider ??= await this.#defaultProvider(
        { packageName, version, pluginDownloadUrl },
        this.#urnOf(registration.parent, type, registration.name),
      );
    }
    const providers = custom ? registration.providers : new Map([...(above?.providers ?? []), ...registration.providers]);
    const goal: Goal = {
      ...registration,
      inputs: await hashAssets(inputs),
      // A component keeps no provider: what it was given is for its children.
      provider: custom ? provider : undefined,
      protect: registration.protect ?? above?.goal.protect,
      retainOnDelete: registration.retainOnDelete ?? above?.goal.retainOnDelete,
      deletedWith: registration.deletedWith ?? above?.goal.deletedWith,
    };
    return { goal, providers };
  }
  #urnOf(parent: string | undefined, type: string, name: string): string {
    const { stack, project } = this.#execution.request.ref;
    return makeUrn(stack, project, parent, type, name);
  }
  async #defaultProvider(request: { packageName: string; version: string; pluginDownloadUrl: string }, usedBy: string): Promise<string> {
    try {
      return await this.#defaultProviders.reference(request, usedBy);
    } catch (error) {
      this.#execution.fail(error, error instanceof DefaultProviderDeniedError ? usedBy : undefined);
      throw new BailError(String(error));
    }
  }

  async #registerOutputs(request: resourcePb.RegisterResourceOutputsRequest): Promise<emptyPb.Empty> {
    return this.#track(async () => {
      await this.#executor.registerOutputs(request.getUrn(), await hashAssets(fromStruct(request.getOutputs())));
      return new emptyPb.Empty();
    });
  }

  #readResource(request: resourcePb.ReadResourceRequest): Promise<resourcePb.ReadResourceResponse> {
    return this.#track(async () => {
      const type = request.getType();
      const parent = request.getParent() || undefined;
      const packageName = packageOf(type);
      const provider =
        request.getProvider() ||
        (await this.#defaultProvider(
          { packageName, version: request.getVersion(), pluginDownloadUrl: request.getPlugindownloadurl() },
          this.#urnOf(parent, type, request.getName()),
        ));
      const result = await this.#generator.read({
        type,
        name: request.getName(),
        id: request.getId(),
        inputs: await hashAssets(fromStruct(request.getProperties())),
        parent,
        provider,
        dependencies: [...new Set(request.getDependenciesList())].sort(),
        additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      });
      this.#tree.add(result.state.urn, parent, true, Boolean(result.state.id));
      const outputs = result.state.outputs ?? {};
      return new resourcePb.ReadResourceResponse()
        .setUrn(result.state.urn)
        .setProperties(new PlainStruct(request.getAcceptsecrets() ? outputs : stripSecrets(outputs)))
        .setResult(result.result === "success" ? 0 : 1);
    });
  }

  #invoke(request: resourcePb.ResourceInvokeRequest): Promise<resourcePb.ResourceInvokeResponse> {
    return this.#track(async () => {
      const token = request.getTok();
      const packageName = packageOf(token);
      const above = request.getParent() ? this.#goals.get(request.getParent()) : undefined;
      const reference =
        request.getProvider() ||
        above?.providers.get(packageName) ||
        (await this.#defaultProvider(
          { packageName, version: request.getVersion(), pluginDownloadUrl: request.getPlugindownloadurl() },
          token,
        ));
      const provider = await this.#execution.providers.get(reference);
      if (!provider.isKnown || (await this.#tree.hasUnmade(request.getDependsonList()))) {
        return new resourcePb.ResourceInvokeResponse().setUnknown(true);
      }
      const args = mapProperties(fromStruct(request.getArgs()), unwrapSecret);
      const { outputs, failures } = await provider.invoke(token, args).catch((error: Error) => {
        throw new RequestError(status.UNKNOWN, `invocation of ${token} returned an error: ${error.message}`);
      });
      return new resourcePb.ResourceInvokeResponse()
        .setReturn(new PlainStruct(outputs))
        .setFailuresList(failures.map(({ property, reason }) => new providerPb.CheckFailure().setProperty(property).setReason(reason)));
    });
  }
}

function toResponse(result: RegisterResult, custom: boolean, acceptsSecrets: boolean): resourcePb.RegisterResourceResponse {
  const outputs: PropertyMap = custom ? (result.state.outputs ?? {}) : {};
  return new resourcePb.RegisterResourceResponse()
    .setUrn(result.state.urn)
    .setId(result.state.id ?? "")
    .setObject(new PlainStruct(acceptsSecrets ? outputs : stripSecrets(outputs)))
    .setResult(result.result === "success" ? 0 : result.result === "fail" ? 1 : (2 as resourcePb.Result))
    .setUnknown(result.unknown);
}

function refuse(what: string): never {
  throw new RequestError(status.FAILED_PRECONDITION, `the embedded engine does not support ${what}`);
}
