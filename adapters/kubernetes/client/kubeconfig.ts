import { existsSync, readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
// The package's own entry brings all generated API classes, 80 MB of memory in every worker.
import { type Cluster, newClusters, newContexts, newUsers, type User } from "@kubernetes/client-node/dist/config_types.js";
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js";
import { parseKubeconfig } from "../../../service/domain/clusters/kubeconfig.ts";

/** How to reach a cluster, and as whom. */
export interface Connection {
  readonly server: string;
  readonly namespace: string;
  /** Asked for each request: tokens of exec plugins and of mounted files change. */
  options(): Promise<RequestOptions>;
  /** Told that the server refused the credentials. @returns whether asking again may give others */
  renew?(): boolean;
}

export interface ConnectionOptions {
  /** A path or the content; empty means `KUBECONFIG`, then `~/.kube/config`, then the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly context: string;
  readonly cluster: string;
}

const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

/** @throws when the kubeconfig can't be read, or names something that is not in it. */
export function openConnection({ kubeconfig, context, cluster }: ConnectionOptions): Connection {
  const source = locate(kubeconfig);
  if (!source) {
    return inCluster();
  }
  const config = parseConfig(source.content);
  const contextName = context || config.currentContext;
  const chosen = newContexts(config.contexts).find(({ name }) => name === contextName);
  if (!chosen && contextName !== "") {
    throw new Error(`context "${contextName}" does not exist`);
  }
  const clusterName = cluster || chosen?.cluster || "";
  const target = newClusters(config.clusters).find(({ name }) => name === clusterName);
  if (!target) {
    throw new Error(clusterName === "" ? "no current context is set" : `cluster "${clusterName}" does not exist`);
  }
  const user = newUsers(config.users).find(({ name }) => name === chosen?.user);
  return {
    server: target.server.replace(/\/$/, ""),
    namespace: chosen?.namespace ?? "",
    ...credentialsOf(target, user && { ...user, tokenFile: tokenFileOf(config.users, user.name) }, source.dir),
  };
}

function locate(kubeconfig: string): { content: string; dir: string } | undefined {
  const path = (kubeconfig || (process.env["KUBECONFIG"] ?? "~/.kube/config")).replace(/^~(?=$|\/)/, homedir());
  if (!path.includes("\n") && existsSync(path)) {
    return { content: readFileSync(path, "utf8"), dir: dirname(path) };
  }
  if (kubeconfig === "") {
    if (process.env["KUBECONFIG"]) {
      throw new Error(`the kubeconfig '${path}' does not exist`);
    }
    return undefined;
  }
  return { content: kubeconfig, dir: process.cwd() };
}

function parseConfig(content: string) {
  const { clusters, users, contexts, "current-context": currentContext = "" } = parseKubeconfig(content);
  return { clusters, users, contexts, currentContext };
}

/** The package knows it by a name that no kubeconfig has. */
function tokenFileOf(users: unknown, name: string): string | undefined {
  return (users as { name: string; user?: { tokenFile?: string } }[]).find((entry) => entry.name === name)?.user?.tokenFile;
}

function credentialsOf(
  cluster: Cluster,
  user: (User & { readonly tokenFile: string | undefined }) | undefined,
  dir: string,
): Pick<Connection, "options" | "renew"> {
  const bytes = (data: string | undefined, file: string | undefined) =>
    data ? Buffer.from(data, "base64") : file ? readFileSync(resolve(dir, file)) : undefined;
  const fixed: RequestOptions = {
    ca: bytes(cluster.caData, cluster.caFile),
    cert: bytes(user?.certData, user?.certFile),
    key: bytes(user?.keyData, user?.keyFile),
    rejectUnauthorized: !cluster.skipTLSVerify,
    ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
  };
  if (user?.authProvider) {
    throw new Error(`the auth provider '${user.authProvider.name}' of user '${user.name}' is one that Kubernetes dropped; use exec`);
  }
  const asked = user?.exec && { ...user, exec: pluginOf(user.exec, cluster, dir) };
  let exec = new ExecAuth();
  return {
    async options() {
      const token = user?.tokenFile ? readFileSync(resolve(dir, user.tokenFile), "utf8").trim() : user?.token;
      const headers: Record<string, string> = {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(user?.username && { authorization: `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}` }),
        ...(user?.impersonateUser && { "impersonate-user": user.impersonateUser }),
      };
      const options = { ...fixed, headers };
      if (asked) {
        await exec.applyAuthentication(asked, options);
      }
      return options;
    },
    renew() {
      // It keeps what it was given until that expires, and for good what does not.
      exec = new ExecAuth();
      return asked !== undefined;
    },
  };
}

interface ExecPlugin {
  readonly apiVersion?: string;
  readonly command?: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly provideClusterInfo?: boolean;
}

/** A plugin as Kubernetes' own clients run it: told what is asked of it, and found beside the kubeconfig when its path is relative. */
function pluginOf(exec: ExecPlugin, { server, caData, skipTLSVerify, tlsServerName }: Cluster, dir: string): ExecPlugin {
  const { apiVersion, command = "", env, provideClusterInfo } = exec;
  const cluster = {
    server,
    "certificate-authority-data": caData,
    "insecure-skip-tls-verify": skipTLSVerify,
    "tls-server-name": tlsServerName,
  };
  const info = { kind: "ExecCredential", apiVersion, spec: { interactive: false, ...(provideClusterInfo && { cluster }) } };
  return {
    ...exec,
    command: command.includes("/") ? resolve(dir, command) : command,
    env: [{ name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }, ...(env ?? [])],
  };
}

/** The service account of the pod that this process runs in. @throws when it runs in none */
export function inCluster(): Connection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (!host || !port) {
    throw new Error("no kubeconfig is configured, and this is no pod of a cluster");
  }
  const read = (name: string) => readFileSync(`${SERVICE_ACCOUNT_DIR}/${name}`, "utf8");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: read("namespace"),
    options: async () => ({ ca: read("ca.crt"), headers: { authorization: `Bearer ${read("token")}` } }),
  };
}
