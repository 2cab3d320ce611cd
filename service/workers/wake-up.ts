/** Tells whoever does some work that there is more of it, from before they have begun: what is told then they find out by themselves. */
export interface WakeUp {
  wake(): void;
  onWake(listener: () => void): void;
}

export function createWakeUp(): WakeUp {
  const listeners: (() => void)[] = [];
  return {
    wake() {
      for (const listener of listeners) {
        listener();
      }
    },
    onWake: (listener) => void listeners.push(listener),
  };
}
