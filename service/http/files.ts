import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { FastifyInstance } from "fastify";
import { ClawError } from "../../sdk/contract/index.ts";
import type { AnswerFile, ReceivedFile } from "../application/resources/route-handlers.ts";

const CUT_SHORT = new Set(["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET"]);

/** Leaves the bodies of an encapsulated part's routes to be read: whoever parses a large one holds up everybody else. */
export function leaveUnparsed(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (request, payload, parsed) => {
    const { bodyLimit } = request.routeOptions;
    const isTooLarge = Number(request.headers["content-length"] ?? 0) > bodyLimit;
    parsed(isTooLarge ? tooLarge(bodyLimit) : null, payload);
  });
}

/**
 * Keeps a body in a file, which nobody else can read, while something is done with it.
 * @param body as Fastify has it: nothing, or a stream
 * @param work gets the file, and what tells it from others
 * @throws {ClawError} `request.too_large`, `request.malformed`
 */
export async function withReceived<T>(
  body: unknown,
  bytesMax: number,
  work: (file: ReceivedFile, digest: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "claw-received-"));
  try {
    const path = join(folder, "body");
    const hash = createHash("sha256");
    let bytes = 0;
    const counted = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > bytesMax) {
          throw tooLarge(bytesMax);
        }
        hash.update(chunk);
        yield chunk;
      }
    };
    const source = body instanceof Readable ? body : Readable.from([]);
    await pipeline(source, counted, createWriteStream(path, { mode: 0o600 })).catch((error: NodeJS.ErrnoException) => {
      throw CUT_SHORT.has(error.code ?? "") ? new ClawError("request.malformed", "the body has not come whole", { cause: error }) : error;
    });
    return await work({ path }, hash.digest("hex"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Gives an answer as a file that is sent as it is read, and removed then.
 * @param write writes it, or throws what is answered instead
 */
export async function answerByFile(
  write: (file: AnswerFile) => Promise<unknown>,
): Promise<{ readonly bytes: Readable; readonly length: number }> {
  const folder = await mkdtemp(join(tmpdir(), "claw-answer-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "body");
    await write({ path });
    const file = await open(path);
    const { size } = await file.stat();
    const bytes = file.createReadStream();
    // However it ends: the client may leave half-way.
    bytes.once("close", () => void remove());
    return { bytes, length: size };
  } catch (error) {
    await remove();
    throw error;
  }
}

function tooLarge(bytesMax: number): ClawError {
  return new ClawError("request.too_large", `the body is larger than ${bytesMax} bytes`);
}
