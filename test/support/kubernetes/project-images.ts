import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, beforeEach } from "vitest";
import { openClawDir } from "../claws/open-claw-software.ts";
import { findProgram } from "../find-program.ts";
import { findBinaries, whyNoCluster } from "./binaries.ts";
import type { TestCluster } from "./use-cluster.ts";

const project = join(import.meta.dirname, "../../..");
const tagOf = (name: string) => `localhost/clusterclaw/${name}:test`;

/** The images of the project, as a real node has them. */
export const projectImages = { agent: tagOf("agent"), claw: tagOf("claw"), openClaw: tagOf("openclaw") };
type ProjectImage = keyof typeof projectImages;

/** Why the project's images can't be built and run here; undefined when they can. */
export function whyNoImages(): string | undefined {
  const missing = ["buildah", "tini"].find((program) => !findProgram(program));
  return (
    whyNoCluster({ real: true }) ??
    (missing ? `no Kubernetes with our images: '${missing}', which they are made with, is not installed` : undefined)
  );
}

/** Has the real node run images of the project in the tests of one file. */
export function useProjectImages(cluster: () => TestCluster, images: readonly ProjectImage[]): void {
  const reason = whyNoImages();
  beforeAll(async () => {
    if (!reason) {
      await addProjectImages(cluster().kubeconfigPath, images);
    }
  }, 600_000);
  beforeEach(({ skip }) => skip(reason !== undefined, reason));
}

/**
 * Builds images of the project by their Dockerfiles and gives them to the real node. Their base is the node's own image of Node.js, since
 * no registry is reachable.
 */
export async function addProjectImages(kubeconfigPath: string, images: readonly ProjectImage[]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "claw-test-images-"));
  try {
    const node = join(dirname(kubeconfigPath), "node");
    const bare = `oci-archive:${join(node, "images/node.tar")}`;
    for (const image of images) {
      const archive = join(dir, "image.tar");
      const base = image === "openClaw" ? await withNpm(bare, dir) : bare;
      const args = ["--isolation", "chroot", "--build-arg", `BASE=${base}`];
      const tag = `docker-archive:${archive}:${projectImages[image]}`;
      await buildah(dir, "build", "--tag", tag, ...args, ...(await dockerfileOf(image, dir)), ".");
      const [ctr] = findBinaries({ real: true }).command("ctr");
      await run(ctr, ["--address", join(node, "containerd.sock"), "--namespace", "k8s.io", "images", "import", archive]);
      rmSync(archive);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The base as registries have it: with npm, by which claws bring their plugins. */
async function withNpm(bare: string, dir: string): Promise<string> {
  const context = join(dir, "npm");
  const [bin, modules] = [join(context, "usr/local/bin"), join(context, "usr/local/lib/node_modules")];
  for (const folder of [bin, modules, join(context, "usr/bin")]) {
    mkdirSync(folder, { recursive: true });
  }
  symlinkSync("/bin/env", join(context, "usr/bin/env"));
  const npm = join(dirname(realpathSync(findProgram("npm") ?? "")), "..");
  await run("cp", ["-aT", npm, join(modules, "npm")]);
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(bin, "npm"));
  const dockerfile = join(dir, "npm.Dockerfile");
  writeFileSync(dockerfile, "ARG BASE\nFROM ${BASE}\nCOPY . /\n");
  const tag = "localhost/clusterclaw/node-with-npm:test";
  await buildah(
    dir,
    "build",
    "--squash",
    "--tag",
    tag,
    "--isolation",
    "chroot",
    "--build-arg",
    `BASE=${bare}`,
    "--file",
    dockerfile,
    context,
  );
  return tag;
}

async function dockerfileOf(image: ProjectImage, dir: string): Promise<string[]> {
  switch (image) {
    case "agent":
      return ["--file", "deploy/images/agent.Dockerfile"];
    case "claw":
      return ["--file", "deploy/images/claw.Dockerfile", "--target", "inline"];
    case "openClaw": {
      const installed = join(dir, "install");
      await installOpenClaw(await openClawDir(), installed);
      return ["--file", "deploy/images/claw.Dockerfile", "--target", "npm", "--build-context", `install=${installed}`];
    }
  }
}

/** What the Dockerfile's stage `install` comes to, of the OpenClaw that this machine's tests have installed: in a second, not in a minute. */
async function installOpenClaw(software: string, root: string): Promise<void> {
  const claw = join(root, "opt/claw");
  for (const folder of ["opt", "usr/bin"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  copyFileSync(findProgram("tini") ?? "", join(root, "usr/bin/tini"));
  // Links where they can be: the package's own scripts only remove files.
  await run("cp", ["-al", software, claw]).catch(() => run("cp", ["-aT", software, claw]));
  chmodSync(claw, 0o755);
  await run("npm", ["rebuild", "--prefix", claw, "openclaw"]);
}

function buildah(dir: string, ...args: string[]): Promise<void> {
  return run("buildah", ["--storage-driver", "overlay", "--root", join(dir, "storage"), "--runroot", join(dir, "run"), ...args]);
}

/** The runner's messages go on meanwhile: it gives up a worker that is silent for a minute. */
async function run(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, args, { cwd: project, maxBuffer: 64 * 2 ** 20 }).catch(({ message, stdout, stderr }) => {
    throw new Error(`${message}\n${stdout}${stderr}`);
  });
}
