import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What pods of a real node can run, as no registry is reachable: the pause image, and Node.js with a small server and a shell. */
export const NODE_IMAGE = "docker.io/local/node:1";
export const PAUSE_IMAGE = "docker.io/local/pause:3.10";

const SERVER = `
const http = require("node:http");
let ready = false;
setTimeout(() => { ready = true; }, Number(process.env.READY_MS ?? 0));
http.createServer((request, response) => {
  response.statusCode = request.url !== "/ready" || ready ? 200 : 503;
  console.log(request.method, request.url);
  response.end(JSON.stringify({ host: process.env.HOSTNAME, ready }) + "\\n");
}).listen(Number(process.env.PORT ?? 8080), () => console.log("listening"));
process.on("SIGTERM", () => { console.log("bye"); process.exit(0); });
`;

/** Writes both images as OCI archives, made of this machine's own programs. */
export function writeImages(dir: string): string[] {
  const pause = join(dir, "pause");
  addProgram(pause, "/bin/sleep", "/pause");
  const node = join(dir, "node");
  addProgram(node, process.execPath, "/usr/bin/node");
  for (const program of ["sh", "cat", "ls", "env", "sleep"]) {
    addProgram(node, `/bin/${program}`, `/bin/${program}`);
  }
  for (const folder of ["app", "data", "etc", "tmp"]) {
    mkdirSync(join(node, folder), { recursive: true });
  }
  writeFileSync(join(node, "app/server.js"), SERVER);
  writeFileSync(join(node, "etc/passwd"), "app:x:1000:1000::/app:/bin/sh\n");
  return [
    writeImage(dir, pause, PAUSE_IMAGE, { Entrypoint: ["/pause", "infinity"] }),
    writeImage(dir, node, NODE_IMAGE, { Entrypoint: ["/usr/bin/node"], Cmd: ["/app/server.js"], WorkingDir: "/app" }),
  ];
}

function addProgram(root: string, file: string, place: string): void {
  const libraries = execFileSync("ldd", [file], { encoding: "utf8" }).match(/\/lib[^ )]*/g) ?? [];
  for (const [from, to] of [[file, place], ...libraries.map((library) => [library, library])] as [string, string][]) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
  }
}

function writeImage(dir: string, root: string, reference: string, config: object): string {
  const layout = join(dir, `${root.split("/").at(-1)}-layout`);
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const layerFile = join(dir, "layer.tar");
  execFileSync("tar", ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-cf", layerFile, "-C", root, "."]);
  const add = (content: Buffer) => {
    const digest = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(blobs, digest), content);
    return { digest: `sha256:${digest}`, size: content.length };
  };
  const json = (value: object) => add(Buffer.from(JSON.stringify(value)));
  const layer = add(readFileSync(layerFile));
  const env = { Env: ["PATH=/usr/local/bin:/usr/bin:/bin"] };
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...json({
        architecture: process.arch === "x64" ? "amd64" : process.arch,
        os: "linux",
        config: { ...env, ...config },
        rootfs: { type: "layers", diff_ids: [layer.digest] },
      }),
    },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
  });
  const annotations = { "io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference };
  const manifests = [{ mediaType: "application/vnd.oci.image.manifest.v1+json", ...manifest, annotations }];
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  const archive = `${root}.tar`;
  execFileSync("tar", ["-cf", archive, "-C", layout, "."]);
  for (const left of [root, layout, layerFile]) {
    rmSync(left, { recursive: true });
  }
  return archive;
}
