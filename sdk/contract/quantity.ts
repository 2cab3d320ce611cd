const QUANTITY_UNITS: Readonly<Record<string, number>> = {
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

/** The number a quantity stands for: cores for CPU, bytes for memory and storage; undefined for what is none. */
export function amountOf(quantity: string): number | undefined {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(quantity) ?? [];
  const factor = Object.hasOwn(QUANTITY_UNITS, unit) ? QUANTITY_UNITS[unit] : undefined;
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

/** As {@link amountOf}. @throws {RangeError} when it is not a quantity */
export function parseQuantity(quantity: string): number {
  const amount = amountOf(quantity);
  if (amount === undefined) {
    throw new RangeError(`'${quantity}' is not a quantity such as '500m', '2' or '4Gi'`);
  }
  return amount;
}
