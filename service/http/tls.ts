import { readFile } from "node:fs/promises";
import type { Server } from "node:https";
import { createSecureContext } from "node:tls";
import { ClawError } from "../../sdk/contract/index.ts";

const LOOK_MS = 10_000;

/** Files in PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate, its chain, and its key. */
interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** @throws {ClawError} `service.unavailable` when the two can't be used */
export async function readCertificate({ certFile, keyFile }: TlsFiles): Promise<Certificate> {
  try {
    const certificate = { cert: await readFile(certFile), key: await readFile(keyFile) };
    createSecureContext(certificate);
    return certificate;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ClawError("service.unavailable", `CLAW_TLS_CERT (${certFile}) and CLAW_TLS_KEY (${keyFile}) can't be used: ${reason}`, {
      cause,
    });
  }
}

/**
 * Has new connections use what is in the files now; those that are open go on. While the two don't go together, as between the writes of one and the
 * other, the former are used. Looked at by content, since a mounted secret is exchanged by moving links.
 * @returns stops looking
 */
export function followCertificate(
  server: Server,
  files: TlsFiles,
  first: Certificate,
  onFailure: (error: unknown) => void,
  lookMs = LOOK_MS,
): () => void {
  let used = first;
  let told = "";
  const timer = setInterval(async () => {
    try {
      const found = await readCertificate(files);
      if (!(found.cert.equals(used.cert) && found.key.equals(used.key))) {
        server.setSecureContext(found);
        used = found;
      }
      told = "";
    } catch (error) {
      // Once for each thing that is wrong.
      if (String(error) !== told) {
        told = String(error);
        onFailure(error);
      }
    }
  }, lookMs).unref();
  return () => clearInterval(timer);
}
