import { spawnSync } from "node:child_process";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { anEcho, aTenant } from "../support/builders/manifests.ts";
import { clientBundle } from "../support/client-bundle.ts";
import { findProgram } from "../support/find-program.ts";
import { installPackage } from "../support/installed-package.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";

const RUNS = 15;
const TENANT = "bench";

/** The package as npm would publish it, installed into an empty project. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const installed = await installPackage();
  const database = await createEmptyDatabase();
  const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url });
  try {
    const [tarball = ""] = (await readdir(installed.dir)).filter((name) => name.endsWith(".tgz"));
    const { gzipBytes } = await clientBundle(join(installed.dir, "node_modules", packageJson.name, "dist/sdk/client/index.js"));
    const figures = [
      shown("tarball", (await stat(join(installed.dir, tarball))).size / 1000, "kB"),
      atMost("the client's bundle for browsers, gzip", gzipBytes / 1000, "kB", 25),
    ];

    await writeFile(join(installed.dir, "nothing.mjs"), "");
    const nothing = median([process.execPath, "nothing.mjs"]);
    figures.push(shown("Node.js, an empty module", nothing, "ms"));
    for (const subpath of Object.keys(packageJson.exports).filter((name) => name !== "./package.json")) {
      const name = subpath.replace(/^\./, packageJson.name);
      await writeFile(join(installed.dir, "import.mjs"), `import ${JSON.stringify(name)};\n`);
      figures.push(shown(`import "${name}" beyond that`, median([process.execPath, "import.mjs"]) - nothing, "ms"));
    }

    await service.claw().tenants.create(aTenant(TENANT));
    const claw = service.claw(TENANT);
    for (let index = 0; index < 20; index++) {
      await claw.instances.create({ ...anEcho(`echo-${index}`), spec: { type: "Echo", running: false } });
    }
    const requests: number[] = [];
    for (let index = 0; index < RUNS; index++) {
      const startedMs = performance.now();
      await claw.instances.list({ limit: 100 });
      requests.push(performance.now() - startedMs);
    }
    const program = [process.execPath, join(installed.dir, "node_modules", packageJson.name, packageJson.bin.claw)];
    const access = { CLAW_URL: service.url, CLAW_TOKEN: service.token, CLAW_TENANT: TENANT };
    figures.push(
      atMost("claw --version", median([...program, "--version"]), "ms", 150),
      atMost(
        "claw get instances, beyond the request",
        median([...program, "get", "instances"], access) - percentile(requests, 0.5),
        "ms",
        400,
      ),
    );
    const kubectl = findProgram("kubectl", [process.env["KUBEBUILDER_ASSETS"] ?? "/usr/local/bin"]);
    if (kubectl !== undefined) {
      figures.push(shown("kubectl version --client", median([kubectl, "version", "--client"]), "ms"));
    }
    return figures;
  } finally {
    await service.stop();
    await database.drop();
    await installed.remove();
    await stopServers();
  }

  /** Wall time of a program, from its start to its end, in milliseconds. */
  function median([command = "", ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): number {
    const times = Array.from({ length: RUNS }, () => {
      const startedMs = performance.now();
      const { status, stderr } = spawnSync(command, args, { cwd: installed.dir, env: { ...process.env, ...env }, encoding: "utf8" });
      if (status !== 0) {
        throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr}`);
      }
      return performance.now() - startedMs;
    });
    return percentile(times, 0.5);
  }
}
