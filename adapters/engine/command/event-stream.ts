import { type ClientWritableStream, credentials } from "@grpc/grpc-js";
import { EventsClient } from "@pulumi/pulumi/proto/events_grpc_pb.js";
import events from "@pulumi/pulumi/proto/events_pb.js";
import type { EngineEvent, OperationRequest } from "../operation.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

/** For a consumer that hangs: one that is gone is told at once. */
const DEADLINE_MS = 60_000;

/** An event as the event stream is to have it; undefined for one that is to be left out. */
export type ShownEvents = (event: EngineEvent, kind: OperationRequest["kind"]) => EngineEvent | undefined;

interface EventStreamOptions {
  readonly display: (event: EngineEvent) => void;
  readonly shown: (event: EngineEvent) => EngineEvent | undefined;
}

/** Where an operation's events go: the display, and the Automation API's event server when there is one. */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #client: EventsClient | undefined;
  #call: ClientWritableStream<events.EventRequest> | undefined;
  readonly #received: Promise<void>;
  #sequence = 0;
  #ended = false;

  /** `eventLog` is the value of `--event-log`: `tcp://host:port`. */
  constructor(eventLog: string | undefined, options: EventStreamOptions) {
    this.#options = options;
    this.#received = Promise.resolve();
    if (eventLog === undefined) {
      return;
    }
    if (!eventLog.startsWith("tcp://")) {
      throw new CommandFailure(ExitCode.Failed, `--event-log ${eventLog}: only tcp://host:port is supported`);
    }
    this.#client = new EventsClient(eventLog.slice("tcp://".length), credentials.createInsecure(), {
      "grpc.max_send_message_length": 400 * 1024 * 1024,
    });
    this.#received = new Promise((resolve) => {
      this.#call = this.#client?.streamEvents(() => resolve());
    });
  }

  emit(event: EngineEvent): void {
    if (this.#ended) {
      return;
    }
    // Consumers wait for the cancel event and read nothing behind it.
    this.#ended = "cancelEvent" in event;
    this.#options.display(event);
    const shown = this.#call && this.#options.shown(event);
    if (!shown) {
      return;
    }
    const request = new events.EventRequest();
    const timestamp = Math.floor(Date.now() / 1000);
    request.setEvent(JSON.stringify({ sequence: this.#sequence++, timestamp, ...shown }));
    this.#call?.write(request);
  }

  /** Ends the stream and waits until the consumer has read all of it, or is gone. */
  async end(): Promise<void> {
    this.emit({ cancelEvent: {} });
    this.#call?.end();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, DEADLINE_MS);
    await Promise.race([this.#received, promise]);
    clearTimeout(timer);
    this.#client?.close();
  }
}
