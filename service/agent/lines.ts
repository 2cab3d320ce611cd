import type { Readable } from "node:stream";

/** The lines of a stream as they are asked for; who reads no more ends it. @throws when one is longer than `charsMax` */
export async function* linesOf(stream: Readable, charsMax: number): AsyncGenerator<string> {
  let rest = "";
  stream.setEncoding("utf8");
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (rest.length > charsMax) {
      throw new Error(`a line is longer than ${charsMax} characters`);
    }
  }
}
