/** A loop's alarm: `wake` ends the current wait, or the next one when nobody waits. */
export class Wakeup {
  #pending = false;
  #end: (() => void) | undefined;

  wake(): void {
    if (this.#end) {
      this.#end();
    } else {
      this.#pending = true;
    }
  }

  /** Ends when woken or after `ms`. */
  async wait(ms?: number): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#end = undefined;
    }
    this.#pending = false;
  }
}
