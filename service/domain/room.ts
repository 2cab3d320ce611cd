import { ClawError } from "../../sdk/contract/index.ts";

/** What of a room is somebody's while they are at something. */
export interface Hold {
  /** @throws {ClawError} `request.too_large` for more than one may hold, `request.rate_limited` where others hold the rest */
  take(characters: number): void;
  /** Gives all of it back. */
  release(): void;
}

/** Memory that all who do the same share: nobody gets more than half of it, so that somebody who takes much keeps others from nothing. */
export class Room {
  readonly #size: number;
  /** What is kept in it, in the plural, and what to do with less. */
  readonly #of: { readonly what: string; readonly fix: string };
  #taken = 0;

  constructor(size: number, of: { readonly what: string; readonly fix: string }) {
    this.#size = size;
    this.#of = of;
  }

  hold(): Hold {
    let own = 0;
    return {
      take: (characters) => {
        const { what, fix } = this.#of;
        if (own + characters > this.#size / 2) {
          throw new ClawError("request.too_large", `${what} come to more than ${this.#size / 2} characters; ${fix}`);
        }
        if (this.#taken + characters > this.#size) {
          throw new ClawError("request.rate_limited", `others' ${what} take all the room that there is at the moment; come again soon`);
        }
        own += characters;
        this.#taken += characters;
      },
      release: () => {
        this.#taken -= own;
        own = 0;
      },
    };
  }
}
