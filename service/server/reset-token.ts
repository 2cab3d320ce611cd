import { accessFile, readAccess, writeAccess } from "../../adapters/identity/access-file.ts";
import { createAuditSigner } from "../../adapters/identity/audit-signer.ts";
import { openDatabase } from "../../adapters/postgres/open-database.ts";
import { ClawError, redact } from "../../sdk/contract/index.ts";
import { resetAdministrator } from "../application/access/administrator.ts";
import { EnvironmentError, readEnvironment } from "../config/environment.ts";
import { openKeyProvider } from "../roots/control-plane/key-providers.ts";
import { openAsOwner } from "../roots/control-plane/stores.ts";
import { withDatabase } from "./with-database.ts";

interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Resets the administrator's token with the service's own settings, whether it runs or not. The token alone goes to stdout. */
export async function resetToken(variables: NodeJS.ProcessEnv, { stdout, stderr }: Output): Promise<boolean> {
  try {
    const env = readEnvironment(variables);
    if (env.adminToken !== undefined) {
      stderr.write("CLAW_ADMIN_TOKEN is set, and is the token at every start: set another there, and start the service anew\n");
      return false;
    }
    const token = await withDatabase(env, async (ownerUrl) => {
      const { cipher, close } = await openAsOwner(openKeyProvider(env), ownerUrl);
      await close();
      const database = await openDatabase({ url: ownerUrl, connections: 1, signer: createAuditSigner(cipher) });
      return resetAdministrator(database.transactions, cipher).finally(database.close);
    });
    // Where the local tools look for it. A service that starts meanwhile writes the same.
    const known = await readAccess(env.dataDir);
    if (known) {
      await writeAccess(env.dataDir, { ...known, token });
    }
    stdout.write(`${token}\n`);
    stderr.write(
      `the administrator's token is reset${known ? `, in ${accessFile(env.dataDir)} too` : ""}; the former is refused from now on\n`,
    );
    return true;
  } catch (error) {
    const known = error instanceof EnvironmentError || error instanceof ClawError;
    stderr.write(`${known || !(error instanceof Error) ? String(error) : redact(error.message)}\n`);
    return false;
  }
}
