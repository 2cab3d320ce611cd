import { z } from "zod";
import { readAccess } from "../../adapters/identity/access-file.ts";
import { EnvironmentError, readEnvironment } from "../config/environment.ts";

interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const LinkSchema = z.object({ url: z.url(), expiresAt: z.iso.datetime() });
const REQUEST_TIMEOUT_MS = 10_000;

/** A link that opens the web console in one browser, signed in as whose the token is. @throws when the service does not make one */
export async function makeConsoleLink(url: string, token: string): Promise<z.output<typeof LinkSchema>> {
  const response = await fetch(`${url}/auth/links`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  if (!response.ok) {
    throw new Error(`${url} made no link: ${(await response.text()).slice(0, 500)}`);
  }
  return LinkSchema.parse(await response.json());
}

/** Prints such a link for the administrator of the service that runs on these settings' data folder. @returns whether it did */
export async function runConsoleLink(variables: NodeJS.ProcessEnv, { stdout, stderr }: Output): Promise<boolean> {
  try {
    const env = readEnvironment(variables);
    const access = await readAccess(env.dataDir);
    if (!access) {
      stderr.write(`no service has run on ${env.dataDir} yet: start it, or set CLAW_DATA_DIR to the folder of one that runs\n`);
      return false;
    }
    const token = access.token ?? env.adminToken;
    if (token === undefined) {
      stderr.write(`the administrator's token is retired: sign in at ${access.url}, or make another token by 'claw-server token reset'\n`);
      return false;
    }
    const link = await makeConsoleLink(access.url, token);
    stdout.write(`${link.url}\n`);
    stderr.write(`good once, until ${link.expiresAt}: whoever opens it is signed in as the administrator\n`);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    stderr.write(error instanceof EnvironmentError ? `${reason}\n` : `no link could be made, does the service run? ${reason}\n`);
    return false;
  }
}
