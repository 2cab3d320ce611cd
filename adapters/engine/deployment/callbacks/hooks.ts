import { status } from "@grpc/grpc-js";
import type callbackPb from "@pulumi/pulumi/proto/callback_pb.js";
import resourcePb from "@pulumi/pulumi/proto/resource_pb.js";
import type { HookType, ResourceState } from "../../contract/checkpoint.ts";
import { parseUrn } from "../../contract/urn.ts";
import type { PropertyMap } from "../../contract/values.ts";
import { errorText } from "../error-text.ts";
import { toStruct } from "../structs.ts";
import type { CallbackClients } from "./callback-clients.ts";

/** How often a failed call is made again because a hook asks for it. */
const RETRIES_MAX = 100;

/** Nothing was asked of a provider. */
class HookError extends Error {
  readonly code = status.FAILED_PRECONDITION;
  constructor(message: string) {
    super(message);
    this.name = "HookError";
  }
}

interface ResourceHook {
  readonly callback: callbackPb.Callback;
  readonly onDryRun: boolean;
  readonly ignoreErrors: boolean;
}
type Warn = (message: string, urn: string) => void;

/** What a hook is told of the resource that it is called for. */
interface Occasion {
  readonly state: ResourceState;
  readonly newInputs?: PropertyMap | undefined;
  readonly oldInputs?: PropertyMap | undefined;
  readonly newOutputs?: PropertyMap | undefined;
  readonly oldOutputs?: PropertyMap | undefined;
}

/** Functions of the program that are called before and after steps of its resources, and when a step fails. */
export class Hooks {
  readonly #clients: CallbackClients;
  readonly #dryRun: boolean;
  readonly #warn: Warn;
  readonly #resourceHooks = new Map<string, ResourceHook>();
  readonly #errorHooks = new Map<string, callbackPb.Callback>();

  constructor(clients: CallbackClients, dryRun: boolean, warn: Warn) {
    this.#clients = clients;
    this.#dryRun = dryRun;
    this.#warn = warn;
  }

  add(name: string, hook: ResourceHook): void {
    this.#refuseTaken(name);
    this.#resourceHooks.set(name, hook);
  }
  addErrorHook(name: string, callback: callbackPb.Callback): void {
    this.#refuseTaken(name);
    this.#errorHooks.set(name, callback);
  }
  #refuseTaken(name: string): void {
    if (name === "") {
      throw new Error("resource hook name cannot be empty");
    }
    if (this.#resourceHooks.has(name) || this.#errorHooks.has(name)) {
      throw new Error(`resource hook already registered for name "${name}"`);
    }
  }

  /** @throws {HookError} for the first that fails */
  async run(type: Exclude<HookType, "OnError">, { state, ...told }: Occasion): Promise<void> {
    for (const name of state.resourceHooks?.[type] ?? []) {
      const hook = this.#resourceHooks.get(name);
      if (!hook) {
        throw new HookError(`hook "${name}" was not registered`);
      }
      if (this.#dryRun && !hook.onDryRun) {
        continue;
      }
      const message = describe(new resourcePb.ResourceHookRequest(), state, told);
      if (told.newOutputs) {
        message.setNewOutputs(toStruct(told.newOutputs));
      }
      try {
        const answer = await this.#clients.call(hook.callback, message.serializeBinary());
        const error = resourcePb.ResourceHookResponse.deserializeBinary(answer).getError();
        if (error) {
          throw new Error(error);
        }
      } catch (error) {
        const reason = (error as Error).message;
        if (!hook.ignoreErrors) {
          throw new HookError(`${type.startsWith("Before") ? "before" : "after"} hook "${name}" failed: ${reason}`);
        }
        this.#warn(`${type} hook "${name}" failed: ${reason}`, state.urn);
      }
    }
  }

  /** Makes a call of a provider again as long as the resource's error hooks ask for it. */
  async retrying<T>(operation: "create" | "update" | "delete", { state, ...told }: Occasion, call: () => Promise<T>): Promise<T> {
    const names = state.resourceHooks?.OnError ?? [];
    if (names.length === 0) {
      return call();
    }
    const failures: string[] = [];
    for (;;) {
      try {
        return await call();
      } catch (error) {
        failures.unshift(errorText(error));
        if (failures.length >= RETRIES_MAX) {
          this.#warn(`maximum number of error hook retries (${RETRIES_MAX}) reached`, state.urn);
          throw new Error("maximum number of error hook retries reached", { cause: error });
        }
        const message = describe(new resourcePb.ErrorHookRequest(), state, told);
        message.setFailedOperation(operation).setErrorsList(failures);
        if (!(await this.#wantsRetry(names, message))) {
          throw error;
        }
        this.#warn(`retrying ${operation} due to on-error hook request (${failures.length}/${RETRIES_MAX})`, state.urn);
      }
    }
  }
  async #wantsRetry(names: readonly string[], message: resourcePb.ErrorHookRequest): Promise<boolean> {
    let wants = false;
    for (const name of names) {
      const callback = this.#errorHooks.get(name);
      if (!callback) {
        throw new Error(`error hooks execution failed: error hook "${name}" was not registered`);
      }
      const fail = (reason: string): never => {
        throw new Error(`error hooks execution failed: error hook "${name}" failed: ${reason}`);
      };
      const answer = await this.#clients.call(callback, message.serializeBinary()).catch((error: Error) => fail(error.message));
      const response = resourcePb.ErrorHookResponse.deserializeBinary(answer);
      if (response.getError()) {
        fail(response.getError());
      }
      wants ||= response.getRetry();
    }
    return wants;
  }
}

function describe<Message extends resourcePb.ResourceHookRequest | resourcePb.ErrorHookRequest>(
  message: Message,
  { urn, type, id = "" }: ResourceState,
  { newInputs, oldInputs, oldOutputs }: Omit<Occasion, "state">,
): Message {
  message.setUrn(urn).setId(id).setName(parseUrn(urn).name).setType(type);
  if (newInputs) {
    message.setNewInputs(toStruct(newInputs));
  }
  if (oldInputs) {
    message.setOldInputs(toStruct(oldInputs));
  }
  if (oldOutputs) {
    message.setOldOutputs(toStruct(oldOutputs));
  }
  return message;
}
