import { existsSync } from "node:fs";

/** What of the host every program needs, and nobody's secrets are in. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"];
const SETTINGS = [
  ...["alternatives", "bash.bashrc", "ca-certificates", "fonts", "gai.conf", "group", "host.conf", "hosts", "inputrc", "ld.so.cache"],
  ...["ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release", "passwd", "pki", "profile", "protocols"],
  ...["resolv.conf", "services", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"],
].map((name) => `/etc/${name}`);

export interface SandboxView {
  /** Seen and written at their own paths. */
  readonly writable: readonly string[];
  /** Seen at their own paths; what is not there is left out. */
  readonly readable: readonly string[];
  /** Stands for the host's temporary folder. */
  readonly tmpDir: string;
  readonly cwd: string;
  /** Whether it ends with whoever started it; a claw outlives its agent. */
  readonly isSession: boolean;
}

/**
 * Arguments of bubblewrap: the program sees the system and what it is shown, processes of its own alone, and the host's network. Its
 * user stays the one that starts it.
 */
export function sandboxArguments({ writable, readable, tmpDir, cwd, isSession }: SandboxView): string[] {
  return [
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--proc", "/proc", "--dev", "/dev"],
    ...[...SYSTEM, ...SETTINGS].flatMap((path) => ["--ro-bind-try", path, path]),
    ...["--bind", tmpDir, "/tmp"],
    ...readable.filter((path) => existsSync(path)).flatMap((path) => ["--ro-bind", path, path]),
    ...writable.flatMap((path) => ["--bind", path, path]),
    // A terminal's own session gives it job control, and nobody else's terminal.
    ...(isSession ? ["--die-with-parent"] : ["--new-session"]),
    ...["--chdir", cwd, "--"],
  ];
}
