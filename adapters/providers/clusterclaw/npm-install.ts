import { execFile, spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { promisify } from "node:util";
import { ProvisionReason } from "../../../sdk/contract/index.ts";
import { RegistryUnreachableError, registryBreaker } from "./registry-circuit.ts";

const INSTALL_TIMEOUT_MS = 15 * 60_000;
const VIEW_TIMEOUT_MS = 20_000;
const STDERR_BYTES_MAX = 64 * 1024;

/** A package, and the folder that everything of this host is installed in. */
export interface NpmPackage {
  readonly cacheDir: string;
  readonly package: string;
  readonly version: string;
}

/** Installs a package into a folder of its own. @throws with what to do about it */
export function installPackage(wanted: NpmPackage, prefix: string, signal: AbortSignal | undefined): Promise<void> {
  return registryBreaker(wanted.cacheDir).run(() => npmInstall(wanted, prefix, signal));
}

function npmInstall(request: NpmPackage, prefix: string, signal: AbortSignal | undefined): Promise<void> {
  const wanted = `${request.package}@${request.version}`;
  const args = ["install", "--prefix", prefix, "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund", "--loglevel=error"];
  // A package may name an address for what it depends on, which this host reaches and its author does not. What is in git stays: OpenClaw before
  // 2026.8 brings WhatsApp's library, which has a part there.
  args.push("--allow-remote=none", "--allow-file=none", "--allow-directory=none");
  // npm's own waits between attempts, 10 s to 60 s, would hide an unreachable registry for minutes.
  args.push("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000", wanted);
  return new Promise((resolve, reject) => {
    let stderr = "";
    const npm = spawn("npm", args, {
      cwd: prefix,
      env: npmEnvironment(),
      stdio: ["ignore", "ignore", "pipe"],
      timeout: INSTALL_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
    npm.stderr.setEncoding("utf8");
    npm.stderr.on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_BYTES_MAX);
    });
    let failure: Error | undefined;
    npm.on("error", (err: NodeJS.ErrnoException) => {
      const message =
        err.code === "ENOENT"
          ? `${ProvisionReason.NpmMissing}: ${wanted} can't be installed: there is no 'npm' on PATH; install npm`
          : `${ProvisionReason.InstallFailed}: ${wanted} can't be installed: ${err.message}`;
      failure = new Error(message, { cause: err });
    });
    // Not before: one that is cancelled may still write where the caller cleans up.
    npm.on("close", (code) => (code === 0 && !failure ? resolve() : reject(failure ?? explain(wanted, stderr))));
  });
}

/** What npm needs of this process's environment, with this very Node.js first on PATH: npm is a program of the first one it finds. */
function npmEnvironment(): Record<string, string> {
  // A registry that is silent holds up the tenant's other changes: npm itself would wait 5 minutes, three times.
  const env: Record<string, string> = { npm_config_fetch_timeout: "60000" };
  for (const [name, value] of Object.entries(process.env)) {
    if (
      value !== undefined &&
      /^(HOME|USER|TMPDIR|LANG|npm_config_.*|(http|https|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/i.test(name)
    ) {
      env[name] = value;
    }
  }
  return { ...env, PATH: [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter) };
}

/** What npm's error codes mean, and what to do; a CamelCase reason first. */
function explain(wanted: string, stderr: string): Error {
  const code = codeIn(stderr);
  switch (code) {
    case "E404":
    case "ETARGET":
      return new Error(`${ProvisionReason.VersionNotFound}: ${wanted} is not in the npm registry: choose a version that exists`);
    case "ENOSPC":
      return new Error(
        `${ProvisionReason.DiskFull}: ${wanted} can't be installed: no space is left on the disk; free some, or set another data folder`,
      );
    case "EBADENGINE":
      return new Error(
        `${ProvisionReason.NodeUnsupported}: ${wanted} does not run on Node.js ${process.version}: ${/Required: (.*)/.exec(stderr)?.[1] ?? "see its 'engines'"}`,
      );
    default:
      return UNREACHABLE.has(code)
        ? new RegistryUnreachableError(
            `${wanted} can't be installed: the npm registry can't be reached (${code}); check the network, the proxy and npm's 'registry' setting`,
          )
        : new Error(
            `${ProvisionReason.InstallFailed}: ${wanted} can't be installed: ${stderr.trim().slice(-1_000) || "npm failed without a message"}`,
          );
  }
}

const UNREACHABLE = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "ENETUNREACH",
  "ERR_SOCKET_TIMEOUT",
  "FETCH_ERROR",
]);

function codeIn(stderr: string): string {
  return /npm (?:error|ERR!) code (\S+)/.exec(stderr)?.[1] ?? "";
}

/** Whether the registry has that version of a package; undefined when it can't be asked. */
export async function isPublished(cacheDir: string, name: string, version: string): Promise<boolean | undefined> {
  const wanted = `${name}@${version}`;
  const args = ["view", wanted, "version", "--fetch-retries=1", "--loglevel=error"];
  const ask = () =>
    promisify(execFile)("npm", args, { env: npmEnvironment(), timeout: VIEW_TIMEOUT_MS }).then(
      // A version that it does not have is no failure of npm's.
      ({ stdout }) => stdout.trim() !== "",
      ({ stderr = "", killed }: { stderr?: string; killed?: boolean }) => {
        const code = killed === true ? "ETIMEDOUT" : codeIn(stderr);
        if (UNREACHABLE.has(code)) {
          throw new RegistryUnreachableError(`${wanted} can't be looked up: the npm registry can't be reached (${code})`);
        }
        return code === "E404" || code === "ETARGET" ? false : undefined;
      },
    );
  return registryBreaker(cacheDir)
    .run(ask)
    .catch((error: unknown) => {
      if (error instanceof RegistryUnreachableError) {
        return undefined;
      }
      throw error;
    });
}
