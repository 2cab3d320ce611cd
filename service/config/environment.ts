import { isIP } from "node:net";
import { availableParallelism, homedir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { z } from "zod";
import { AUDIT_DAYS_MAX, AUDIT_DAYS_MIN, type Issue } from "../../sdk/contract/index.ts";
import { type Issuer, readIssuers } from "./issuers.ts";

/** What the service is told by its environment. Everything has a default: with none set, every part is the embedded one. */
export interface Environment {
  /** Undefined: PostgreSQL is started in the data folder. */
  readonly databaseUrl: string | undefined;
  /** Undefined: events go over a bus within the process. */
  readonly natsUrl: string | undefined;
  readonly engine: "embedded" | "cli";
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /** Where other replicas reach this one. */
  readonly replicaUrl: string | undefined;
  /** Undefined: one is made at the first start and kept in the data folder. */
  readonly adminToken: string | undefined;
  /** Encrypts secrets at rest; 32 bytes. Undefined: one is made at the first start and kept in the data folder. */
  readonly masterKey: Uint8Array | undefined;
  /** Master keys of the past, newest first: what they encrypted is encrypted anew at the start. */
  readonly formerMasterKeys: readonly Uint8Array[];
  /** The key in Vault that wraps what secrets are sealed with, instead of a master key. */
  readonly vault: (VaultAccess & { readonly mount: string; readonly key: string }) | undefined;
  /** The folder of Vault's KV engine in which each tenant has one for its secrets. */
  readonly vaultSecrets: (VaultAccess & { readonly folder: string }) | undefined;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace";
  /** Most stack operations at a time on one cluster or on this host, each in a process of its own; twice as many on all together. */
  readonly workers: number;
  /** Files of a certificate with its chain, and of its key. Undefined: what is served is not encrypted. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Addresses and networks of proxies that say where a request is from. */
  readonly trustedProxies: readonly string[];
  /** Origins whose pages may call the API. */
  readonly corsOrigins: readonly string[];
  /** Where instances are at origins of their own, like `https://*.claws.example.com`. Undefined: at `*.localhost` where this host alone is served. */
  readonly instanceOrigins: string | undefined;
  /** How much is answered within ten seconds; undefined: nothing is limited. */
  readonly rateLimits: RateLimits | undefined;
  /** How often what nobody watches is looked at. */
  readonly refreshSeconds: number;
  /** How long what runs on this host without an instance is left alone after it was found. */
  readonly sweepSeconds: number;
  /** How long records of the platform's audit log are kept, and those of tenants that are no more. Undefined: for ever. */
  readonly auditDays: number | undefined;
  /** The identity providers whose tokens are taken. */
  readonly issuers: readonly Issuer[];
  /** Folders of the organisation's own claw types, each with a `claw-type.yaml`. */
  readonly typeFolders: readonly string[];
}

/** How to get at a Vault. */
interface VaultAccess {
  readonly address: string;
  readonly tokenFile: string;
  readonly caFile: string | undefined;
}

/** See `service/http/limits`. */
type RateLimits = Readonly<Record<keyof typeof RATE_LIMITS, number>>;

/** Far from what people, the CLI and the client ask: they are against loops, not against use. */
const RATE_LIMITS = {
  read: 3000,
  write: 1000,
  heavy: 500,
  "tenant-read": 6000,
  "tenant-write": 2000,
  "tenant-heavy": 1000,
  failed: 100,
};

/** Names each variable that can't be, what is wrong with it, and what to set instead. Never its value: it may be a secret. */
export class EnvironmentError extends Error {
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[]) {
    super(`the environment is invalid:\n${issues.map(({ path, message, fix }) => `  ${path}: ${message}; fix: ${fix}`).join("\n")}`);
    this.name = "EnvironmentError";
    this.issues = issues;
  }
}

const url = (...schemes: string[]) =>
  z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)), {
    error: `is not a URL with the scheme ${schemes.join(" or ")}`,
  });
const whole = (min: number, max: number) =>
  z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max, { error: `is not a whole number ${min} to ${max}` })
    .transform(Number);
/** `read=500 heavy=20`, with white space or commas between; what is not named stays. */
const rateLimitsOf = (text: string): RateLimits => ({
  ...RATE_LIMITS,
  ...Object.fromEntries([...text.matchAll(/([a-z-]+)=([0-9]+)/g)].map(([, name, limit]) => [name, Number(limit)])),
});
const RATE_LIMIT_TERM = new RegExp(`^(${Object.keys(RATE_LIMITS).join("|")})=[1-9][0-9]{0,8}$`);
const termsOf = (text: string) => text.split(/[\s,]+/).filter((term) => term !== "");
const isNetwork = (term: string): boolean => {
  const [address = "", bits, ...rest] = term.split("/");
  const most = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
};
const keyBytes = (text: string) => Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? "hex" : "base64");

const isLoopback = (host: string) => ["localhost", "127.0.0.1", "[::1]"].includes(host);

const EnvironmentSchema = z
  .object({
    CLAW_DATABASE_URL: url("postgres", "postgresql").optional(),
    CLAW_NATS_URL: url("nats", "tls", "ws", "wss").optional(),
    CLAW_ENGINE: z.enum(["embedded", "cli"], { error: "is neither `embedded` nor `cli`" }).default("embedded"),
    CLAW_DATA_DIR: z.string().optional(),
    XDG_DATA_HOME: z.string().optional(),
    CLAW_HOST: z.string().regex(/^\S+$/, "is not a host name or address").default("127.0.0.1"),
    CLAW_PORT: whole(0, 65_535).default(8787),
    CLAW_REPLICA_URL: url("http", "https")
      .refine((text) => new URL(text).pathname === "/" && new URL(text).username === "", { error: "is more than an address" })
      .optional(),
    CLAW_ADMIN_TOKEN: z.string().min(20, "is shorter than 20 characters").regex(/^\S+$/, "holds white space").optional(),
    CLAW_MASTER_KEY: z
      .string()
      .refine((text) => keyBytes(text).length === 32, { error: "is not 32 bytes in base64 or hex" })
      .transform((text): Uint8Array => keyBytes(text))
      .optional(),
    CLAW_MASTER_KEY_FORMER: z
      .string()
      .transform((text) => text.split(",").map((key): Uint8Array => keyBytes(key.trim())))
      .refine((keys) => keys.every((key) => key.length === 32), { error: "is not a list of keys of 32 bytes in base64 or hex" })
      .default([]),
    CLAW_VAULT_ADDR: url("https", "http")
      .refine((text) => new URL(text).protocol === "https:" || isLoopback(new URL(text).hostname), {
        error: "is not https, and not of this host",
      })
      .refine((text) => new URL(text).pathname === "/" && new URL(text).username === "", { error: "is more than an address" })
      .optional(),
    CLAW_VAULT_TOKEN_FILE: z.string().optional(),
    CLAW_VAULT_KEY: z
      .string()
      .regex(/^[\w-]+(\/[\w-]+)*\/[\w-]+$/, "is not the engine's path with a key's name")
      .optional(),
    CLAW_VAULT_SECRETS: z
      .string()
      .max(512)
      .regex(/^[\w-]+(\/[\w-]+)*\/data(\/[\w-]+)*$/, "is not the path of a folder of Vault's KV engine, with its `data`")
      .optional(),
    CLAW_VAULT_CA_FILE: z.string().optional(),
    CLAW_LOG_LEVEL: z
      .enum(["fatal", "error", "warn", "info", "debug", "trace"], { error: "is no level: fatal, error, warn, info, debug or trace" })
      .default("info"),
    CLAW_TLS_CERT: z.string().optional(),
    CLAW_TLS_KEY: z.string().optional(),
    CLAW_TRUSTED_PROXIES: z
      .string()
      .transform(termsOf)
      .refine((terms) => terms.every(isNetwork), { error: "is not a list of addresses and networks" })
      .default([]),
    CLAW_CORS_ORIGINS: z
      .string()
      .transform(termsOf)
      .refine((terms) => terms.every((term) => URL.canParse(term) && new URL(term).origin === term), { error: "is not a list of origins" })
      .default([]),
    CLAW_INSTANCE_ORIGINS: z
      .string()
      .regex(/^https?:\/\/\*(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+(:\d{1,5})?$/, "is not like https://*.claws.example.com")
      .refine((text) => text.startsWith("https:") || /\.localhost(:\d+)?$/.test(text), { error: "is not https, and not of *.localhost" })
      .optional(),
    CLAW_RATE_LIMITS: z
      .string()
      .refine((text) => text === "off" || text.split(/[\s,]+/).every((term) => RATE_LIMIT_TERM.test(term)), {
        error: `is neither \`off\` nor a list of limits: ${Object.keys(RATE_LIMITS).join(", ")}`,
      })
      .transform((text) => (text === "off" ? text : rateLimitsOf(text)))
      .default(RATE_LIMITS),
    CLAW_ISSUERS: z
      .string()
      .transform((path, ctx) => {
        const read = readIssuers(path);
        if ("issuers" in read) {
          return read.issuers;
        }
        const [{ path: field = "", message = "" } = {}] = read.issues;
        ctx.addIssue({ code: "custom", message: `names a file that can't be used: ${field === "" ? "" : `${field}: `}${message}` });
        return z.NEVER;
      })
      .default([]),
    CLAW_WORKERS: whole(1, 64).optional(),
    CLAW_REFRESH_SECONDS: whole(1, 86_400).default(900),
    CLAW_SWEEP_SECONDS: whole(1, 31_536_000).default(3600),
    CLAW_AUDIT_DAYS: whole(AUDIT_DAYS_MIN, AUDIT_DAYS_MAX).optional(),
    CLAW_TYPES: z
      .string()
      .transform((text) => text.split(delimiter).filter((folder) => folder !== ""))
      .refine((folders) => folders.every((folder) => isAbsolute(folder)), { error: "has a folder that is not absolute" })
      .default([]),
  })
  .refine(({ CLAW_TLS_CERT, CLAW_TLS_KEY }) => (CLAW_TLS_CERT === undefined) === (CLAW_TLS_KEY === undefined), {
    path: ["CLAW_TLS_CERT"],
    error: "goes with CLAW_TLS_KEY, and that with it",
  })
  .refine(
    ({ CLAW_VAULT_ADDR, CLAW_VAULT_KEY, CLAW_VAULT_SECRETS, CLAW_VAULT_TOKEN_FILE }) =>
      new Set([CLAW_VAULT_ADDR, CLAW_VAULT_KEY ?? CLAW_VAULT_SECRETS, CLAW_VAULT_TOKEN_FILE].map((value) => value === undefined)).size ===
      1,
    {
      path: ["CLAW_VAULT_ADDR"],
      error: "goes with CLAW_VAULT_TOKEN_FILE and with CLAW_VAULT_KEY or CLAW_VAULT_SECRETS, and those with it",
    },
  );

const fixes: Readonly<Record<string, string>> = {
  CLAW_DATABASE_URL: "set it like postgres://user@host:5432/database, or unset it to use the embedded PostgreSQL",
  CLAW_NATS_URL: "set it like nats://host:4222, or unset it to use the bus within the process",
  CLAW_ENGINE: "set `embedded` (needs npm alone) or `cli` (the Pulumi CLI)",
  CLAW_HOST: "set an address to listen on, like 127.0.0.1 or 0.0.0.0",
  CLAW_PORT: "set a TCP port, like 8787, or 0 for any free one",
  CLAW_REPLICA_URL: "set where other replicas reach this one, like http://10.0.0.7:8787, or unset it",
  CLAW_ADMIN_TOKEN: "set one made by `openssl rand -hex 24`, or unset it to have one made",
  CLAW_MASTER_KEY: "set one made by `openssl rand -base64 32`, or unset it to have one made",
  CLAW_MASTER_KEY_FORMER: "set the keys that CLAW_MASTER_KEY had before, newest first, with commas between, or unset it",
  CLAW_VAULT_ADDR:
    "set it like https://vault.example.com:8200, with CLAW_VAULT_TOKEN_FILE and CLAW_VAULT_KEY, CLAW_VAULT_SECRETS or both, or unset all",
  CLAW_VAULT_SECRETS: "set the folder of the KV engine in which each tenant has one, like secret/data/claw, or unset it",
  CLAW_VAULT_KEY: "set the transit engine's path and the key's name, like transit/open-cluster-claw",
  CLAW_LOG_LEVEL: "set `info`, or `debug` to see more",
  CLAW_ISSUERS: "set the path of a YAML file with the identity providers whose tokens are taken, or unset it",
  CLAW_WORKERS: "set how many stack operations may run at a time on one cluster, like 2, or unset it",
  CLAW_TLS_CERT: "set both CLAW_TLS_CERT and CLAW_TLS_KEY to files in PEM, or unset both",
  CLAW_TRUSTED_PROXIES: "set the proxies' addresses, like 10.0.0.0/8 or 192.0.2.7, with commas between, or unset it",
  CLAW_CORS_ORIGINS: "set origins, like https://console.example.com, with commas between, or unset it",
  CLAW_INSTANCE_ORIGINS:
    "set one like https://*.claws.example.com: a domain of which every name leads here, and where nothing else is; or unset it",
  CLAW_RATE_LIMITS: "set requests within ten seconds, like read=3000 write=1000, or `off`, or unset it",
  CLAW_REFRESH_SECONDS: "set how often to look for what was changed by hand, like 900 for every 15 minutes, or unset it",
  CLAW_SWEEP_SECONDS: "set after how long what runs here without an instance is ended, like 3600 for an hour, or unset it",
  CLAW_AUDIT_DAYS: `set how many days the platform's audit log is kept, ${AUDIT_DAYS_MIN} at least, like 365, or unset it to keep it for ever`,
  CLAW_TYPES: `set the folders of your claw types, like /etc/claw/weather${delimiter}/etc/claw/news, or unset it`,
};

function vaultOf(env: z.output<typeof EnvironmentSchema>): Pick<Environment, "vault" | "vaultSecrets"> {
  const { CLAW_VAULT_ADDR: address, CLAW_VAULT_TOKEN_FILE: tokenFile, CLAW_VAULT_CA_FILE: caFile } = env;
  if (address === undefined || tokenFile === undefined) {
    return { vault: undefined, vaultSecrets: undefined };
  }
  const { CLAW_VAULT_KEY: name, CLAW_VAULT_SECRETS: folder } = env;
  const access = { address, tokenFile: resolve(tokenFile), caFile: caFile === undefined ? undefined : resolve(caFile) };
  const at = name?.lastIndexOf("/");
  return {
    vault: name === undefined ? undefined : { ...access, mount: name.slice(0, at), key: name.slice((at ?? 0) + 1) },
    vaultSecrets: folder === undefined ? undefined : { ...access, folder },
  };
}

/** Reads the service's settings. An empty variable counts as unset. @throws {EnvironmentError} */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = EnvironmentSchema.safeParse(given);
  if (!parsed.success) {
    throw new EnvironmentError(
      parsed.error.issues.map((issue) => {
        const variable = String(issue.path[0]);
        return { path: variable, message: issue.message, fix: fixes[variable] ?? "correct or unset it" };
      }),
    );
  }
  const env = parsed.data;
  // The XDG rules: a path that is not absolute counts as unset.
  const dataHome = env.XDG_DATA_HOME && isAbsolute(env.XDG_DATA_HOME) ? env.XDG_DATA_HOME : join(homedir(), ".local", "share");
  return {
    databaseUrl: env.CLAW_DATABASE_URL,
    natsUrl: env.CLAW_NATS_URL,
    engine: env.CLAW_ENGINE,
    dataDir: resolve(env.CLAW_DATA_DIR ?? join(dataHome, "open-cluster-claw")),
    host: env.CLAW_HOST,
    port: env.CLAW_PORT,
    replicaUrl: env.CLAW_REPLICA_URL?.replace(/\/$/, ""),
    adminToken: env.CLAW_ADMIN_TOKEN,
    masterKey: env.CLAW_MASTER_KEY,
    formerMasterKeys: env.CLAW_MASTER_KEY_FORMER,
    ...vaultOf(env),
    logLevel: env.CLAW_LOG_LEVEL,
    issuers: env.CLAW_ISSUERS,
    workers: env.CLAW_WORKERS ?? Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2))),
    tls:
      env.CLAW_TLS_CERT !== undefined && env.CLAW_TLS_KEY !== undefined
        ? { certFile: resolve(env.CLAW_TLS_CERT), keyFile: resolve(env.CLAW_TLS_KEY) }
        : undefined,
    trustedProxies: env.CLAW_TRUSTED_PROXIES,
    corsOrigins: env.CLAW_CORS_ORIGINS,
    instanceOrigins: env.CLAW_INSTANCE_ORIGINS,
    rateLimits: env.CLAW_RATE_LIMITS === "off" ? undefined : env.CLAW_RATE_LIMITS,
    refreshSeconds: env.CLAW_REFRESH_SECONDS,
    sweepSeconds: env.CLAW_SWEEP_SECONDS,
    auditDays: env.CLAW_AUDIT_DAYS,
    typeFolders: env.CLAW_TYPES,
  };
}
