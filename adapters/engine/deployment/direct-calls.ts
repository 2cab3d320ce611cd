import type { ServiceError, UntypedHandleCall } from "@grpc/grpc-js";
import { type Client, Metadata, status } from "@grpc/grpc-js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";

type Answer = (error: Partial<ServiceError> | null, response?: unknown) => void;
/** A unary handler as gRPC servers have it. */
type Handler = (call: { readonly request: unknown }, answer: Answer) => void;
type CallProperties = Parameters<NonNullable<NonNullable<ConstructorParameters<typeof Client>[2]>["callInvocationTransformer"]>>[0];
type CallOptions = NonNullable<CallProperties["callOptions"]>;
type Interceptor = NonNullable<CallOptions["interceptors"]>[number];
type DirectedCall = ReturnType<Interceptor>;
type Listener = NonNullable<Parameters<DirectedCall["start"]>[1]>;

/** By address, then by method path. */
const servers = new Map<string, ReadonlyMap<string, Handler>>();

/**
 * Lets the programs of this process call the services on an address without HTTP/2 and serialisation: half of what a registration
 * costs. The services still listen, for everything else.
 */
export function serveDirectly(address: string, services: readonly (readonly [definition: object, handlers: object])[]): void {
  const handlers = new Map<string, Handler>();
  for (const [definition, implementation] of services) {
    for (const [name, { path }] of Object.entries(definition as Readonly<Record<string, { path: string }>>)) {
      const handler = (implementation as Readonly<Record<string, UntypedHandleCall>>)[name];
      if (handler) {
        handlers.set(path, handler as unknown as Handler);
      }
    }
  }
  servers.set(address, handlers);
}

export function endDirectCalls(address: string): void {
  servers.delete(address);
}

/** Stripped from Pulumi's published types: what its runtime makes the clients of the engine with. */
const { grpcClientOptions } = settings as unknown as { grpcClientOptions: { callInvocationTransformer?: unknown } };

grpcClientOptions.callInvocationTransformer = (call: CallProperties): CallProperties => {
  const handler = servers.get(call.channel.getTarget().replace(/^dns:/, ""))?.get(call.methodDefinition.path);
  if (!handler) {
    return call;
  }
  return { ...call, callOptions: { ...call.callOptions, interceptors: [() => new DirectCall(handler) as unknown as DirectedCall] } };
};

const ok = { code: status.OK, details: "", metadata: new Metadata() };

class DirectCall {
  readonly #handler: Handler;
  #listener: Partial<Listener> | undefined;
  #message: unknown;
  #isOver = false;

  constructor(handler: Handler) {
    this.#handler = handler;
  }
  start(_metadata: Metadata, listener?: Partial<Listener>): void {
    this.#listener = listener;
  }
  sendMessage(message: unknown): void {
    this.#message = message;
  }
  sendMessageWithContext(_context: unknown, message: unknown): void {
    this.#message = message;
  }
  /** In a turn of its own, as a message from the network comes: a large program must not keep timers and sockets waiting. */
  halfClose(): void {
    setImmediate(() =>
      this.#handler({ request: this.#message }, (error, response) => {
        if (this.#isOver) {
          return;
        }
        this.#isOver = true;
        if (error) {
          this.#end(error.code ?? status.UNKNOWN, error.details ?? error.message ?? "", error.metadata);
        } else {
          this.#listener?.onReceiveMessage?.(response);
          this.#listener?.onReceiveStatus?.(ok as never);
        }
      }),
    );
  }
  cancelWithStatus(code: status, details: string): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#end(code, details);
  }
  #end(code: status, details: string, metadata = new Metadata()): void {
    this.#listener?.onReceiveStatus?.({ code, details, metadata } as never);
  }
  startRead(): void {}
  getPeer(): string {
    return "this process";
  }
  getAuthContext(): null {
    return null;
  }
}
