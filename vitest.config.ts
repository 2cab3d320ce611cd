import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const include = (kind: string) => [`test/${kind}/**/*.test.ts`];
const USE_CASES = "integration/application";
/** Whatever a service answers there is as its document says. */
const HELD_TO_THE_DOCUMENT = "test/support/described-answers-setup.ts";

/**
 * A project per kind of test. Kinds without outside parts run together, and with them those of use cases, which have a database beneath them
 * and nothing else; then those with real servers, a file for each core: they wait more than they compute. Then the end-to-end ones, one file
 * at a time: each of their claws costs seconds of CPU to start.
 */
export default defineConfig({
  // Examples import the package by its name: as others do, and from the sources.
  resolve: { tsconfigPaths: true },
  test: {
    // Clusters are stopped, not abandoned.
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: "unit",
          include: include("unit"),
          pool: "threads",
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "component",
          include: include("component"),
          // Pulumi's runtime installs handlers on the whole process.
          pool: "forks",
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "contract",
          include: include("contract"),
          pool: "threads",
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "architecture",
          include: include("architecture"),
          pool: "threads",
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "application",
          include: include(USE_CASES),
          globalSetup: "test/support/services.ts",
          pool: "threads",
          // Nothing of theirs is a module's: what takes longest is to load the application, which is done once.
          isolate: false,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "integration",
          include: include("integration"),
          exclude: include(USE_CASES),
          setupFiles: HELD_TO_THE_DOCUMENT,
          globalSetup: "test/support/services.ts",
          pool: "forks",
          maxWorkers: availableParallelism(),
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e",
          include: include("e2e"),
          setupFiles: HELD_TO_THE_DOCUMENT,
          globalSetup: "test/support/services.ts",
          pool: "forks",
          maxWorkers: availableParallelism(),
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
