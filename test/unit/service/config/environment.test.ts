import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, it } from "vitest";
import { EnvironmentError, readEnvironment } from "../../../../service/config/environment.ts";

describe("readEnvironment", () => {
  it("needs nothing: every part has an embedded default", ({ expect }) => {
    expect(readEnvironment({ XDG_DATA_HOME: "/data" })).toMatchObject({
      databaseUrl: undefined,
      natsUrl: undefined,
      engine: "embedded",
      dataDir: "/data/open-cluster-claw",
      host: "127.0.0.1",
      port: 8787,
      adminToken: undefined,
      masterKey: undefined,
      formerMasterKeys: [],
      logLevel: "info",
    });
  });

  it("counts an empty variable as unset", ({ expect }) => {
    expect(readEnvironment({ CLAW_PORT: "", CLAW_DATABASE_URL: "" })).toMatchObject({ port: 8787, databaseUrl: undefined });
  });

  it("resolves the data folder against the working directory", ({ expect }) => {
    expect(readEnvironment({ CLAW_DATA_DIR: ".claw" }).dataDir).toBe(join(process.cwd(), ".claw"));
  });

  it("ignores a relative XDG_DATA_HOME, as the XDG rules ask", ({ expect }) => {
    expect(readEnvironment({ XDG_DATA_HOME: "relative" }).dataDir).not.toContain("relative");
  });

  it("takes rate limits for those that are named, or none at all", ({ expect }) => {
    const { rateLimits } = readEnvironment({});
    expect(readEnvironment({ CLAW_RATE_LIMITS: "heavy=5, tenant-read=7" }).rateLimits).toEqual({
      ...rateLimits,
      heavy: 5,
      "tenant-read": 7,
    });
    expect(readEnvironment({ CLAW_RATE_LIMITS: "off" }).rateLimits).toBeUndefined();
  });

  it("reads lists with commas or white space between", ({ expect }) => {
    const { trustedProxies, corsOrigins } = readEnvironment({
      CLAW_TRUSTED_PROXIES: "10.0.0.0/8, 2001:db8::/32 192.0.2.7",
      CLAW_CORS_ORIGINS: "https://console.example.com,http://localhost:3000",
    });
    expect(trustedProxies).toEqual(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]);
    expect(corsOrigins).toEqual(["https://console.example.com", "http://localhost:3000"]);
  });

  it("takes one domain for instances' own origins, with a port or without", ({ expect }) => {
    for (const pattern of ["https://*.claws.example.com", "https://*.claws.example.com:8443", "http://*.localhost:8787"]) {
      expect(readEnvironment({ CLAW_INSTANCE_ORIGINS: pattern }).instanceOrigins).toBe(pattern);
    }
  });

  it("reads a master key in base64 and in hex alike", ({ expect }) => {
    const key = randomBytes(32);
    for (const encoding of ["base64", "hex"] as const) {
      expect(Buffer.from(readEnvironment({ CLAW_MASTER_KEY: key.toString(encoding) }).masterKey ?? [])).toEqual(key);
    }
  });

  const refusals = [
    { variable: "CLAW_DATABASE_URL", value: "mysql://db", problem: "is not a URL with the scheme postgres or postgresql" },
    { variable: "CLAW_NATS_URL", value: "localhost", problem: "is not a URL with the scheme nats or tls or ws or wss" },
    { variable: "CLAW_ENGINE", value: "terraform", problem: "is neither `embedded` nor `cli`" },
    { variable: "CLAW_HOST", value: "a b", problem: "is not a host name or address" },
    { variable: "CLAW_PORT", value: "80a", problem: "is not a whole number 0 to 65535" },
    { variable: "CLAW_PORT", value: "65536", problem: "is not a whole number 0 to 65535" },
    { variable: "CLAW_ADMIN_TOKEN", value: "secret", problem: "is shorter than 20 characters" },
    { variable: "CLAW_MASTER_KEY", value: "c2hvcnQ=", problem: "is not 32 bytes in base64 or hex" },
    { variable: "CLAW_MASTER_KEY_FORMER", value: "c2hvcnQ=,", problem: "is not a list of keys of 32 bytes in base64 or hex" },
    { variable: "CLAW_LOG_LEVEL", value: "loud", problem: "is no level: fatal, error, warn, info, debug or trace" },
    {
      variable: "CLAW_RATE_LIMITS",
      value: "reads=5",
      problem: "is neither `off` nor a list of limits: read, write, heavy, tenant-read, tenant-write, tenant-heavy, failed",
    },
    { variable: "CLAW_TLS_CERT", value: "/etc/tls.crt", problem: "goes with CLAW_TLS_KEY, and that with it" },
    { variable: "CLAW_TRUSTED_PROXIES", value: "10.0.0.0/33", problem: "is not a list of addresses and networks" },
    { variable: "CLAW_TRUSTED_PROXIES", value: "proxy.example.com", problem: "is not a list of addresses and networks" },
    { variable: "CLAW_CORS_ORIGINS", value: "https://console.example.com/path", problem: "is not a list of origins" },
    { variable: "CLAW_INSTANCE_ORIGINS", value: "https://claws.example.com", problem: "is not like https://*.claws.example.com" },
    { variable: "CLAW_INSTANCE_ORIGINS", value: "http://*.claws.example.com", problem: "is not https, and not of *.localhost" },
    { variable: "CLAW_CORS_ORIGINS", value: "*,null", problem: "is not a list of origins" },
    { variable: "CLAW_WORKERS", value: "0", problem: "is not a whole number 1 to 64" },
  ];
  for (const { variable, value, problem } of refusals) {
    it(`names variable, problem and fix, and not the value, for ${variable}=${value}`, ({ expect }) => {
      const error = catchError(() => readEnvironment({ [variable]: value }));
      expect(error.issues).toEqual([{ path: variable, message: problem, fix: expect.stringMatching(/^set /) }]);
      expect(error.message).toContain(`${variable}: ${problem}; fix: set `);
      expect(error.message).not.toContain(value.length > 3 ? value : `=${value}`);
    });
  }

  it("reports every bad variable at once", ({ expect }) => {
    const error = catchError(() => readEnvironment({ CLAW_PORT: "x", CLAW_ENGINE: "x" }));
    expect(error.issues.map((issue) => issue.path).sort()).toEqual(["CLAW_ENGINE", "CLAW_PORT"]);
  });
});

function catchError(run: () => unknown): EnvironmentError {
  try {
    run();
  } catch (error) {
    if (error instanceof EnvironmentError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}
