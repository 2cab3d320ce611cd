const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** What a Kubernetes quantity stands for; undefined for what is none. The contract's own would bring its schemas along. */
export function amountOf(quantity: string): number | undefined {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(quantity) ?? [];
  const factor = UNITS[unit];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

/** How much of a limit is used, from 0 on; undefined where that can't be told. */
export function shareOf(used: string, hard: string): number | undefined {
  const [part, whole] = [amountOf(used), amountOf(hard)];
  if (part === undefined || whole === undefined) {
    return undefined;
  }
  return whole === 0 ? (part === 0 ? 0 : 1) : part / whole;
}
