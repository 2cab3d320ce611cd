import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ProvisionReason } from "../../../sdk/contract/index.ts";
import { type Circuit, CircuitBreaker, type CircuitMemory, UNASKED } from "../../../service/domain/circuit-breaker.ts";

/** The npm registry did not answer. Its message begins with the reason for it. */
export class RegistryUnreachableError extends Error {
  override readonly name = "RegistryUnreachableError";

  constructor(message: string) {
    super(`${ProvisionReason.RegistryUnreachable}: ${message}`);
  }
}

const StateSchema = z.object({ failures: z.int().min(0), openUntilMs: z.number(), message: z.string().max(4096) });

/**
 * Keeps installations from waiting, one after the other, for a registry that does not answer. Each is in a process of its own, so what is known of it
 * lies beside what they install: it is one registry for all of a host.
 */
export function registryBreaker(cacheDir: string): CircuitBreaker {
  return new CircuitBreaker({
    dependency: () => "npm registry",
    isFailure: (error) => error instanceof RegistryUnreachableError,
    memory: inFile(fileIn(cacheDir)),
  });
}

/** How the registry does; nothing where nobody has asked for it. */
export function registryCircuits(cacheDir: string): readonly Circuit[] {
  return readState(fileIn(cacheDir)) ? [registryBreaker(cacheDir).circuit] : [];
}

function fileIn(cacheDir: string): string {
  return join(cacheDir, ".registry.json");
}

function inFile(file: string): CircuitMemory {
  return {
    read() {
      const { failures, openUntilMs, message } = readState(file) ?? { ...UNASKED, message: "" };
      const prefix = `${ProvisionReason.RegistryUnreachable}: `;
      return {
        failures,
        openUntilMs,
        error: new RegistryUnreachableError(message.startsWith(prefix) ? message.slice(prefix.length) : message),
      };
    },
    write({ failures, openUntilMs, error }) {
      const message = error instanceof Error ? error.message.slice(0, 4096) : "";
      // Another process reads it whole or not at all.
      const draft = `${file}.${process.pid}`;
      try {
        mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
        writeFileSync(draft, JSON.stringify({ failures, openUntilMs, message }), { mode: 0o600 });
        renameSync(draft, file);
      } catch {
        // A full disk is told by what is installed there; what is not remembered is found out again.
        rmSync(draft, { force: true });
      }
    },
  };
}

function readState(file: string): z.infer<typeof StateSchema> | undefined {
  try {
    return StateSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}
