/** Ends what was started, the last part first. */
export type Closers = (() => Promise<unknown>)[];
