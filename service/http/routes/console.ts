import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { ClawError } from "../../../sdk/contract/index.ts";
import { NOTHING } from "../plugins/browser-rules.ts";

export interface ConsoleOptions {
  /** Where the console is built to. It may come to be there while the service runs. */
  readonly folder: string;
}

/** Addresses of the console's own pages. Each of them is answered by its one document, which finds out what to show. */
const PAGES = ["/", "/sign-in", "/t/*", "/platform/*"];
/** Files that browsers look for by their names. Those under `/assets` have a digest in theirs. */
const FILES = ["/icon.svg", "/icon-192.png", "/icon-512.png", "/icon-maskable-512.png", "/manifest.webmanifest", "/worker.js"];
const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};
const FOR_EVER = "public, max-age=31536000, immutable";
const ASK_AGAIN = "no-cache";

const SELF = ["'self'"];
/** Nothing inline, nothing of another origin. */
const page = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      ...NOTHING,
      ...{ scriptSrc: SELF, styleSrc: SELF, connectSrc: SELF, fontSrc: SELF, manifestSrc: SELF, workerSrc: SELF, formAction: SELF },
      imgSrc: ["'self'", "data:"],
    },
  },
};

interface File {
  readonly bytes: Buffer;
  readonly zipped: Buffer | undefined;
  readonly type: string;
  readonly etag: string;
}

/** The web console: built files from memory, and its document wherever somebody goes by a link. */
export const webConsole: FastifyPluginAsync<ConsoleOptions> = async (app, { folder }) => {
  const open = { config: { scope: "public" } } as const;
  const files = new BuiltFiles(folder);
  for (const url of PAGES) {
    app.get(url, { ...open, helmet: page }, async (request, reply) => {
      if (!wantsPage(request)) {
        throw notThere(request);
      }
      const document = (await files.current()).get("/index.html");
      return document ? send(request, reply, document, ASK_AGAIN) : sendUnbuilt(reply);
    });
  }
  for (const url of [...FILES, "/assets/*"]) {
    app.get(url, { ...open, helmet: page }, async (request, reply) => {
      const { pathname } = new URL(request.url, "http://console");
      const file = (await files.current()).get(pathname);
      if (!file) {
        throw notThere(request);
      }
      return send(request, reply, file, pathname.startsWith("/assets/") ? FOR_EVER : ASK_AGAIN);
    });
  }
};

/** Programs that ask for what there is not are told so, not given a page. */
function wantsPage({ headers: { accept = "" } }: FastifyRequest): boolean {
  return accept.includes("text/html");
}

function notThere({ method, url }: FastifyRequest): ClawError {
  return new ClawError("route.not_found", `there is no ${method} ${url}`);
}

function send(request: FastifyRequest, reply: FastifyReply, file: File, caching: string): FastifyReply {
  reply.headers({ "cache-control": caching, etag: file.etag, vary: "accept-encoding" });
  if (request.headers["if-none-match"] === file.etag) {
    return reply.code(304).send();
  }
  const mayZip = file.zipped !== undefined && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  return reply
    .type(file.type)
    .headers(mayZip ? { "content-encoding": "gzip" } : {})
    .send(mayZip ? file.zipped : file.bytes);
}

/** Of a checkout whose console is being built. */
function sendUnbuilt(reply: FastifyReply): FastifyReply {
  const text =
    "The web console is not built yet. 'npm start' and 'npm run quickstart' build it, as does 'npm run build'. Load this page again then.";
  return reply.code(503).headers({ "retry-after": "5", refresh: "5" }).type("text/plain; charset=utf-8").send(text);
}

/** What is in the folder, read once, and again when it has been built anew. */
class BuiltFiles {
  readonly #folder: string;
  #builtAtMs = -1;
  #files: Promise<ReadonlyMap<string, File>> = Promise.resolve(new Map());

  constructor(folder: string) {
    this.#folder = folder;
  }

  async current(): Promise<ReadonlyMap<string, File>> {
    // The document is written last: when it is another one, so is the rest.
    const builtAtMs = await stat(join(this.#folder, "index.html")).then(
      ({ mtimeMs }) => mtimeMs,
      () => this.#builtAtMs,
    );
    if (builtAtMs !== this.#builtAtMs) {
      this.#builtAtMs = builtAtMs;
      this.#files = readFiles(this.#folder);
      // Read while it was being replaced: whoever asks next reads it anew.
      this.#files.catch(() => {
        this.#builtAtMs = -1;
      });
    }
    return this.#files;
  }
}

async function readFiles(folder: string): Promise<ReadonlyMap<string, File>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && extname(entry.name) in TYPES)
    .map((entry) => join(entry.parentPath, entry.name));
  const read = await Promise.all(
    files.map(async (path) => {
      const bytes = await readFile(path);
      const type = TYPES[extname(path)] ?? "";
      const zipped = await promisify(gzip)(bytes, { level: 9 });
      const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
      return [path.slice(folder.length).replaceAll("\\", "/"), { bytes, zipped, type, etag }] as const;
    }),
  );
  return new Map(read);
}
