import { parse, YAMLParseError } from "yaml";

/** A kubeconfig's lists, their entries as Kubernetes describes them. */
export interface Kubeconfig {
  readonly clusters: unknown;
  readonly users?: unknown;
  readonly contexts?: unknown;
  readonly "current-context"?: string;
}

/** Why a text is no kubeconfig. Its message has positions and reasons only: what stands there may be a credential. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** @throws {KubeconfigError} */
export function parseKubeconfig(text: string): Kubeconfig {
  const config = parseYaml(text);
  if (typeof config !== "object" || config === null || !("clusters" in config)) {
    throw new KubeconfigError("is not the content of a kubeconfig: it has no 'clusters'");
  }
  for (const list of ["clusters", "users", "contexts"]) {
    const entries = (config as Readonly<Record<string, unknown>>)[list] ?? [];
    if (!(Array.isArray(entries) && entries.every((entry) => typeof entry?.name === "string"))) {
      throw new KubeconfigError(`is not the content of a kubeconfig: its '${list}' are no list of entries with names`);
    }
  }
  return config as Kubeconfig;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    // The parser's message quotes the line.
    const at = error instanceof YAMLParseError ? error.linePos?.[0] : undefined;
    const reason = error instanceof YAMLParseError ? error.code.toLowerCase().replaceAll("_", " ") : "it can't be read";
    throw new KubeconfigError(`is not YAML: ${reason}${at ? ` at line ${at.line}, column ${at.col}` : ""}`);
  }
}

interface Entry {
  readonly cluster?: Readonly<Record<string, unknown>> | null;
  readonly user?: Readonly<Record<string, unknown>> | null;
}

/** What of an entry is read, or run, on the host that uses it. */
const OF_HOST = {
  clusters: ["certificate-authority"],
  users: ["exec", "auth-provider", "tokenFile", "client-certificate", "client-key"],
} as const;
const LOOPBACK = /^(127\..*|\[::1\]|\[::ffff:7f.*\]|(.*\.)?localhost\.?)$/i;

/** Where a kubeconfig names what is the own of the host that uses it: a command, a file, or a port of its loopback. */
export function hostUses(config: Kubeconfig): string[] {
  const listed = (list: unknown) => (list ?? []) as readonly Entry[];
  return [
    ...listed(config.clusters).flatMap((entry, index) => {
      const cluster = entry.cluster ?? {};
      const server = String(cluster["server"] ?? "");
      const isOwn = URL.canParse(server) && LOOPBACK.test(new URL(server).hostname);
      const named = [...OF_HOST.clusters.filter((key) => cluster[key] !== undefined), ...(isOwn ? ["server"] : [])];
      return named.map((key) => `clusters[${index}].cluster.${key}`);
    }),
    ...listed(config.users).flatMap(({ user }, index) =>
      OF_HOST.users.filter((key) => user?.[key] !== undefined).map((key) => `users[${index}].user.${key}`),
    ),
  ];
}
