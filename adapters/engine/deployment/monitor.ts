// One file, though a long one: the calls of two services, which share what the program has registered so far.
import type { ServerUnaryCall, ServiceError, sendUnaryData } from "@grpc/grpc-js";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type callbackPb from "@pulumi/pulumi/proto/callback_pb.js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginePb from "@pulumi/pulumi/proto/engine_pb.js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";
import resourceGrpc from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import resourcePb from "@pulumi/pulumi/proto/resource_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { formatPath, parsePath } from "../contract/property-path.ts";
import { isProviderType, makeUrn, packageOf } from "../contract/urn.ts";
import type { PropertyMap } from "../contract/values.ts";
import { versionProblem } from "../engine-version.ts";
import { hashAssets } from "./assets.ts";
import { Transforms } from "./callbacks/transforms.ts";
import { DefaultProviderDeniedError, DefaultProviders } from "./default-providers.ts";
import { endDirectCalls, serveDirectly } from "./direct-calls.ts";
import type { Severity } from "./events.ts";
import type { Execution } from "./execution.ts";
import { BailError } from "./execution.ts";
import type { Registration } from "./goals.ts";
import { decodeRegistration } from "./goals.ts";
import { type Above, inheritOptions } from "./inherited-options.ts";
import { decoded, featureNames, features, RequestError, refuse, required } from "./monitor-requests.ts";
import { remarkSecrets, stripSecrets, withoutUnknowns } from "./properties.ts";
import { providerInputs } from "./providers.ts";
import { ResourceTree } from "./resource-tree.ts";
import type { StepExecutor } from "./step-executor.ts";
import type { StepGenerator } from "./step-generator.ts";
import type { Goal, RegisterResult } from "./steps.ts";
import { fromStruct, PlainStruct } from "./structs.ts";

const MESSAGE_BYTES_MAX = 400 * 1024 * 1024;

/** Of resources whose provider is code in the program. */
const DYNAMIC_PACKAGE = "pulumi-nodejs";

const severities: readonly Severity[] = ["debug", "info", "warning", "error"];

/** Serves the program: Pulumi's ResourceMonitor and Engine services on one local port. */
export class Monitor {
  readonly #execution: Execution;
  readonly #generator: StepGenerator;
  readonly #executor: StepExecutor;
  readonly #defaultProviders: DefaultProviders;
  readonly #server: Server;
  readonly #services: readonly (readonly [definition: object, handlers: object])[];
  /** What children inherit, by URN. */
  readonly #goals = new Map<string, Above>();
  readonly #tree = new ResourceTree();
  readonly #transforms: Transforms;
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
    this.#transforms = new Transforms(execution.callbacks);
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
      registerStackTransform: this.#serve((callback: callbackPb.Callback) => {
        this.#transforms.addToStack(callback);
        return new emptyPb.Empty();
      }),
      registerStackInvokeTransform: this.#serve((callback: callbackPb.Callback) => {
        this.#transforms.addToInvokes(callback);
        return new emptyPb.Empty();
      }),
      registerResourceHook: this.#serve((request: resourcePb.RegisterResourceHookRequest) => this.#registerHook(request)),
      registerErrorHook: this.#serve((request: resourcePb.RegisterErrorHookRequest) => this.#registerErrorHook(request)),
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
      requirePulumiVersion: this.#serve((request: enginePb.RequirePulumiVersionRequest) => {
        const problem = versionProblem(request.getPulumiVersionRange());
        if (problem) {
          throw new RequestError(status.UNKNOWN, problem);
        }
        return new enginePb.RequirePulumiVersionResponse();
      }),
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
      if (request.getRemote()) {
        refuse("remote components");
      }
      if (request.getPackageref()) {
        refuse("parameterised packages");
      }
      if (request.getEnvvarmappingsMap().getLength() > 0 && !isProviderType(request.getType())) {
        throw new RequestError(status.INVALID_ARGUMENT, "envVarMappings can only be used with provider resources");
      }
      if (packageOf(request.getType()) === DYNAMIC_PACKAGE) {
        refuse("dynamic resources (pulumi.dynamic): their provider is part of the CLI's installation");
      }
      inheritOptions(request, this.#goals.get(request.getParent()));
      const untransformed = await decoded("", () => this.#transforms.apply(request));
      const registration = this.#decode(request);
      if (untransformed) {
        // Pulumi's runtime loses the mark of a secret that a transform passes on.
        registration.inputs = remarkSecrets(registration.inputs, untransformed);
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
        this.#transforms.addToResource(urn, request);
        this.#tree.add(urn, goal.parent, goal.custom, Boolean(result.state.id));
        return toResponse(result, goal.custom, registration.acceptsSecrets);
      } finally {
        leave();
      }
    });
  }

  /** A program that sends what only looks like a form of Pulumi's waits for ever when it is refused: the operation ends. */
  #decode(request: resourcePb.RegisterResourceRequest): Registration {
    try {
      return decodeRegistration(request);
    } catch (error) {
      this.#execution.fail(error, this.#urnOf(request.getParent(), request.getType(), request.getName()));
      throw new BailError(String(error));
    }
  }

  /** Adds the resource's provider, and what its children will have of it. */
  async #settle(registration: Registration): Promise<{ goal: Goal; providers: ReadonlyMap<string, string> }> {
    const { type, custom, parent, version, pluginDownloadUrl, envVarMappings } = registration;
    const above = parent ? this.#goals.get(parent) : undefined;
    let { provider, inputs } = registration;
    if (custom && isProviderType(type)) {
      provider = undefined;
      inputs = providerInputs(inputs, { version, pluginDownloadUrl, envVarMappings });
    } else if (custom) {
      provider ??= await this.#defaultProvider(
        { packageName: packageOf(type), version, pluginDownloadUrl },
        this.#urnOf(parent, type, registration.name),
      );
    }
    const providers = custom ? registration.providers : new Map([...(above?.providers ?? []), ...registration.providers]);
    const goal: Goal = {
      ...registration,
      inputs: await decoded("unmarshal properties", () => hashAssets(inputs)),
      hideDiffs: await decoded("", () => registration.hideDiffs.map(withNormalForm)),
      // A component keeps no provider: what it was given is for its children.
      provider: custom ? provider : undefined,
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
      const outputs = await decoded("cannot unmarshal output properties", () => hashAssets(fromStruct(request.getOutputs())));
      await this.#executor.registerOutputs(request.getUrn(), outputs);
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
        inputs: await decoded("", () => hashAssets(withoutUnknowns(fromStruct(request.getProperties())))),
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

  #registerHook(request: resourcePb.RegisterResourceHookRequest): Promise<emptyPb.Empty> {
    return decoded("", () => {
      const callback = required(request.getCallback(), "callback");
      this.#execution.hooks.add(request.getName(), {
        callback,
        onDryRun: request.getOnDryRun(),
        ignoreErrors: request.getIgnoreErrors(),
      });
      return new emptyPb.Empty();
    });
  }
  #registerErrorHook(request: resourcePb.RegisterErrorHookRequest): Promise<emptyPb.Empty> {
    return decoded("", () => {
      this.#execution.hooks.addErrorHook(request.getName(), required(request.getCallback(), "callback"));
      return new emptyPb.Empty();
    });
  }

  #invoke(request: resourcePb.ResourceInvokeRequest): Promise<resourcePb.ResourceInvokeResponse> {
    return this.#track(async () => {
      const token = request.getTok();
      const packageName = packageOf(token);
      const above = this.#goals.get(request.getParent());
      request.setProvider(request.getProvider() || (above?.providers.get(packageName) ?? ""));
      await decoded("", () => this.#transforms.applyToInvoke(request));
      const reference =
        request.getProvider() ||
        (await this.#defaultProvider(
          { packageName, version: request.getVersion(), pluginDownloadUrl: request.getPlugindownloadurl() },
          token,
        ));
      const provider = await this.#execution.providers.get(reference);
      if (!provider.isKnown || (await this.#tree.hasUnmade(request.getDependsonList()))) {
        return new resourcePb.ResourceInvokeResponse().setUnknown(true);
      }
      const args = await decoded(`failed to unmarshal ${token} args`, () => withoutUnknowns(fromStruct(request.getArgs())));
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

/** Of a path, as it is stored. */
function withNormalForm(path: string, index: number): string {
  try {
    return formatPath(parsePath(path));
  } catch (error) {
    throw new Error(`${index}: ${(error as Error).message}`, { cause: error });
  }
}
