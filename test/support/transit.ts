import { spawn } from "node:child_process";
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer as createServerInClear, type RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { certificates } from "./certificates.ts";
import { tempDir } from "./cli.ts";
import { findProgram } from "./find-program.ts";
import { freePort } from "./free-port.ts";

/** A transit engine, with the key `transit/claw` in it. */
export interface Transit {
  /** What the service is told by its environment. */
  readonly settings: Readonly<Record<"CLAW_VAULT_ADDR" | "CLAW_VAULT_TOKEN_FILE" | "CLAW_VAULT_KEY", string>>;
  /** Asks it as its administrator. */
  ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly text: string }>;
  stop(): Promise<void>;
}

/** A program that is one: Vault or OpenBao, of PATH or the folder that `CLAW_TEST_VAULT_ASSETS` names. */
export const vaultProgram = ["vault", "bao"].flatMap(
  (name) => findProgram(name, [process.env["CLAW_TEST_VAULT_ASSETS"] ?? "/nowhere"]) ?? [],
)[0];

/** A real one where there is a program, and otherwise the stand-in. */
export async function startTransit(): Promise<Transit> {
  return vaultProgram === undefined ? standIn() : startVault(vaultProgram);
}

async function startVault(program: string): Promise<Transit> {
  const [port, token, dir] = [await freePort(), randomUUID(), await tempDir()];
  const address = `http://127.0.0.1:${port}`;
  const child = spawn(
    program,
    ["server", "-dev", "-dev-no-store-token", `-dev-root-token-id=${token}`, `-dev-listen-address=127.0.0.1:${port}`],
    {
      env: { HOME: dir, PATH: process.env["PATH"] },
      stdio: "ignore",
    },
  );
  const transit = await reached(address, token, dir, async () => void child.kill("SIGKILL"));
  for (let tries = 0; (await transit.ask("GET", "sys/health").catch(() => undefined))?.status !== 200; tries++) {
    if (tries > 300 || child.exitCode !== null) {
      throw new Error(`${program} does not serve`);
    }
    await delay(100);
  }
  await transit.ask("POST", "sys/mounts/transit", { type: "transit" });
  await transit.ask("POST", "transit/keys/claw", {});
  return transit;
}

async function reached(address: string, token: string, dir: string, stop: () => Promise<void>): Promise<Transit> {
  const tokenFile = join(dir, "vault-token");
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  return {
    settings: { CLAW_VAULT_ADDR: address, CLAW_VAULT_TOKEN_FILE: tokenFile, CLAW_VAULT_KEY: "transit/claw" },
    async ask(method, path, body) {
      const headers = { "x-vault-token": token };
      const response = await fetch(`${address}/v1/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
      return { status: response.status, text: await response.text() };
    },
    stop,
  };
}

type Answer = readonly [status: number, body: object];
const failed = (status: number, message: string): Answer => [status, { errors: [message] }];

/**
 * What of transit's HTTP API the key provider speaks, for machines without Vault: keys with versions, AES-256-GCM under each, what is too old refused by
 * `min_decryption_version`, tokens, `sys/seal`; and of the KV engine reading and writing. `vault-key-provider.test.ts` holds both to the same.
 * @param over TLS, or how it answers instead
 */
export async function standIn(over: { readonly tls?: true; readonly instead?: RequestListener } = {}): Promise<Transit> {
  const token = randomUUID();
  const versions = [randomBytes(32)];
  let oldest = 1;
  let isSealed = false;

  const encrypt = (plaintext: Buffer): Answer => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", versions.at(-1) ?? Buffer.alloc(0), nonce);
    const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return [200, { data: { ciphertext: `vault:v${versions.length}:${sealed.toString("base64")}`, key_version: versions.length } }];
  };
  const decrypt = (ciphertext: unknown): Buffer | Answer => {
    const [, version, body = ""] = /^vault:v(\d+):(.+)$/.exec(String(ciphertext)) ?? [];
    const key = versions[Number(version) - 1];
    if (!key) {
      return failed(400, "invalid ciphertext: no prefix");
    }
    if (Number(version) < oldest) {
      return failed(400, "ciphertext or signature version is disallowed by policy (too old)");
    }
    const bytes = Buffer.from(body, "base64");
    try {
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    } catch {
      return failed(400, "cipher: message authentication failed");
    }
  };
  const kept = new Map<string, unknown>();
  const keptAt = (request: string, body: Readonly<Record<string, unknown>>): Answer => {
    const [method, path = ""] = request.split(" ");
    if (method === "POST" && path.startsWith("secret/data/")) {
      kept.set(path, body["data"]);
      return [200, { data: { version: 1 } }];
    }
    return method === "GET" && kept.has(path) ? [200, { data: { data: kept.get(path), metadata: {} } }] : [404, { errors: [] }];
  };
  const answer = (path: string, body: Readonly<Record<string, unknown>>): Answer => {
    switch (path) {
      case "PUT sys/seal":
        isSealed = true;
        return [204, {}];
      case "GET transit/keys/claw":
        return [
          200,
          { data: { name: "claw", latest_version: versions.length, keys: Object.fromEntries(versions.map((_, index) => [index + 1, 0])) } },
        ];
      case "POST transit/keys/claw/rotate":
        versions.push(randomBytes(32));
        return [200, { data: {} }];
      case "POST transit/keys/claw/config":
        oldest = Number(body["min_decryption_version"]);
        return [200, { data: {} }];
      case "POST transit/encrypt/claw":
        return encrypt(Buffer.from(String(body["plaintext"]), "base64"));
      case "POST transit/decrypt/claw": {
        const plaintext = decrypt(body["ciphertext"]);
        return Buffer.isBuffer(plaintext) ? [200, { data: { plaintext: plaintext.toString("base64") } }] : plaintext;
      }
      case "POST transit/rewrap/claw": {
        const plaintext = decrypt(body["ciphertext"]);
        return Buffer.isBuffer(plaintext) ? encrypt(plaintext) : plaintext;
      }
      default:
        return keptAt(path, body);
    }
  };
  const listener: RequestListener = async (req, res) => {
    const body = JSON.parse((await textOf(req)) || "{}") as Record<string, unknown>;
    const [status, said] = isSealed
      ? failed(503, "Vault is sealed")
      : req.headers["x-vault-token"] !== token
        ? failed(403, "permission denied")
        : answer(`${req.method} ${req.url?.replace("/v1/", "")}`, body);
    res.writeHead(status, { "content-type": "application/json" }).end(status === 204 ? undefined : JSON.stringify(said));
  };
  const served = over.instead ?? listener;
  const server = over.tls ? createServer(certificates.loopback, served) : createServerInClear(served);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `${over.tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return reached(address, token, await tempDir(), async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}
