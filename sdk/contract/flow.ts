/** What a channel's receiver takes before it grants more, in characters of data. */
export const CHANNEL_WINDOW = 256 * 1024;
/** Credit is granted by the part of a window, not for every frame. */
const GRANT = CHANNEL_WINDOW / 4;
/** What is held for a channel whose sender knows no credit. It can't be slowed down: past this its channel ends. */
const UNGRANTED_MAX = 16 * 1024 * 1024;

/** The sending end of a channel: what there is no credit for waits, and with it whoever sends. */
export class Outflow {
  readonly #transmit: (data: string) => void;
  readonly #queue: string[] = [];
  #credit: number;
  #room: PromiseWithResolvers<void> | undefined;
  #onEmpty: (() => void) | undefined;

  /** @param credit what may be sent at once @param transmit sends it */
  constructor(credit: number, transmit: (data: string) => void) {
    this.#credit = credit;
    this.#transmit = transmit;
  }

  /** @returns when to go on sending, if not at once */
  send(data: string): Promise<void> | undefined {
    this.#queue.push(data);
    this.#flush();
    if (this.#credit > 0) {
      return undefined;
    }
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  grant(credit: number): void {
    this.#credit += credit;
    this.#flush();
  }

  /** Calls back once all is sent. */
  finish(onEmpty: () => void): void {
    this.#onEmpty ??= onEmpty;
    this.#flush();
  }

  /** Sends no more. Whoever waits goes on. */
  abandon(): void {
    this.#queue.length = 0;
    this.#onEmpty = undefined;
    this.#room?.resolve();
  }

  #flush(): void {
    while (this.#credit > 0) {
      const data = this.#queue.shift();
      if (data === undefined) {
        this.#room?.resolve();
        this.#room = undefined;
        break;
      }
      this.#credit -= data.length;
      this.#transmit(data);
    }
    if (this.#queue.length === 0) {
      this.#onEmpty?.();
      this.#onEmpty = undefined;
    }
  }
}

/** The receiving end of a channel: grants what was taken. */
export class Inflow {
  readonly #grant: ((credit: number) => void) | undefined;
  /** Received and not granted anew. */
  #held = 0;
  #taken = 0;

  /** @param grant tells the sender; absent for one that knows no credit */
  constructor(grant: ((credit: number) => void) | undefined) {
    this.#grant = grant;
  }

  /** Notes what came. @returns whether the sender kept to what it was granted */
  receive(data: string): boolean {
    const isGranted = this.#held < (this.#grant ? CHANNEL_WINDOW : UNGRANTED_MAX);
    this.#held += data.length;
    return isGranted;
  }

  /** What was received is in nobody's way any more. */
  take(data: string): void {
    this.#taken += data.length;
    if (!this.#grant || this.#taken >= GRANT) {
      this.#held -= this.#taken;
      this.#grant?.(this.#taken);
      this.#taken = 0;
    }
  }
}
