import { ClawError, redact } from "../../sdk/contract/index.ts";
import { listed, rotateKeys } from "../application/secrets/data-keys.ts";
import { EnvironmentError, readEnvironment } from "../config/environment.ts";
import { openKeyProvider } from "../roots/control-plane/key-providers.ts";
import { openAsOwner } from "../roots/control-plane/stores.ts";
import { withDatabase } from "./with-database.ts";

interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}
type Keys = Awaited<ReturnType<typeof openAsOwner>>["keys"];

/** Wraps the data keys by a new key-encryption key, with the service's own settings, whether it runs or not. @returns whether it did */
export function runRotateKeys(variables: NodeJS.ProcessEnv, output: Output): Promise<boolean> {
  return withKeys(variables, output, async (keys) => {
    const { current, rewrapped } = await rotateKeys(keys);
    output.stdout.write(`${rewrapped} data ${rewrapped === 1 ? "key is" : "keys are"} wrapped by ${current} now\n`);
  });
}

/** Tells what the secrets are sealed with. @returns whether that could be told */
export function runKeysStatus(variables: NodeJS.ProcessEnv, output: Output): Promise<boolean> {
  return withKeys(variables, output, async (keys) => {
    const current = await keys.provider.current();
    output.stdout.write(`provider ${keys.provider.name}\nwraps by ${current}\n`);
    for (const { id, wrappedBy, createdAt, wrappedAt } of await listed(keys)) {
      output.stdout.write(`data key ${id} made ${createdAt}, wrapped by ${wrappedBy} ${wrappedAt}\n`);
    }
  });
}

async function withKeys(variables: NodeJS.ProcessEnv, { stderr }: Output, work: (keys: Keys) => Promise<void>): Promise<boolean> {
  try {
    const env = readEnvironment(variables);
    await withDatabase(env, async (ownerUrl) => {
      const { keys, close } = await openAsOwner(openKeyProvider(env), ownerUrl);
      await work(keys).finally(close);
    });
    return true;
  } catch (error) {
    const known = error instanceof EnvironmentError || error instanceof ClawError;
    stderr.write(`${known ? error.message : redact(error instanceof Error ? error.message : String(error))}\n`);
    return false;
  }
}
