/**
 * The agent as the first process of its container: the kernel gives that one no signal without a handler, and a pod that is stopped while
 * its agent loads would be waited for until its grace is over.
 */
const end = () => process.exit(0);
process.on("SIGTERM", end);
await import("./main.ts");
process.off("SIGTERM", end);

export {};
