import { digestOfHanding, type Handing, type InstanceId } from "../../../sdk/contract/index.ts";

/** The way to an agent that takes deliveries. */
export interface AgentLink {
  /** @param anew it is to store what it has once more */
  notice(digest: string, anew?: boolean): void;
  hand(handing: Handing): void;
}

/** Shorter than what is left to a delivery before the engine's turn: what is handed later might undo what that has made. */
const OFFER_MS = 3_000;
/** So soon is tried again what came to nothing. */
const AGAIN_MS = 10_000;

interface Held {
  readonly link: AgentLink;
  /** It wants to know what it is to have, whatever it has. */
  isAsking: boolean;
  told: { readonly state: string; readonly atMs: number } | undefined;
  offer: { readonly handing: Handing; readonly atMs: number } | undefined;
}

/** The agents of this replica that take deliveries, and what each was offered. What is lost here is found out again. */
export class Deliveries {
  readonly #held = new Map<InstanceId, Held>();
  #onAsked: () => void = () => {};

  /** @param listener called when an agent wants to know what it is to have */
  onAsked(listener: () => void): void {
    this.#onAsked = listener;
  }

  arrived(uid: InstanceId, link: AgentLink): void {
    this.#held.set(uid, { link, isAsking: true, told: undefined, offer: undefined });
    this.#onAsked();
  }

  left(uid: InstanceId): void {
    this.#held.delete(uid);
  }

  /** Hands over what was offered; what is not offered any more is worked out anew. */
  pulled(uid: InstanceId, digest: string): void {
    const held = this.#held.get(uid);
    const offer = held?.offer;
    if (!held) {
      return;
    }
    held.offer = undefined;
    if (offer && digestOfHanding(offer.handing) === digest && performance.now() - offer.atMs < OFFER_MS) {
      held.link.hand(offer.handing);
    } else {
      held.isAsking = true;
      this.#onAsked();
    }
  }

  /** Forgets what was offered and not pulled: it holds secrets. */
  expire(): void {
    for (const held of this.#held.values()) {
      if (held.offer && performance.now() - held.offer.atMs > OFFER_MS) {
        held.offer = undefined;
      }
    }
  }

  held(): InstanceId[] {
    return [...this.#held.keys()];
  }

  asking(): InstanceId[] {
    return [...this.#held].filter(([, { isAsking }]) => isAsking).map(([uid]) => uid);
  }

  /** Whether there is more to be done for an agent than when it was last looked at. @param state what there is to be done */
  isNew(uid: InstanceId, state: string): boolean {
    const held = this.#held.get(uid);
    return held !== undefined && (held.isAsking || held.told?.state !== state || performance.now() - held.told.atMs > AGAIN_MS);
  }

  looked(uid: InstanceId, state: string): void {
    const held = this.#held.get(uid);
    if (held) {
      held.told = { state, atMs: performance.now() };
    }
  }

  /** Tells an agent that what it is to have is what it has. */
  confirm(uid: InstanceId, digest: string): void {
    this.#answer(uid)?.link.notice(digest);
  }

  /** @param anew also to an agent that has it: somebody changed what it has stored */
  offer(uid: InstanceId, handing: Handing, anew = false): void {
    const held = this.#answer(uid);
    if (held) {
      held.offer = { handing, atMs: performance.now() };
      held.link.notice(digestOfHanding(handing), anew);
    }
  }

  #answer(uid: InstanceId): Held | undefined {
    const held = this.#held.get(uid);
    if (held) {
      held.isAsking = false;
    }
    return held;
  }
}
