import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** A module as a bundler of today makes it for a browser. */
export async function clientBundle(entry: string): Promise<{ readonly code: string; readonly gzipBytes: number }> {
  const bundle = await rolldown({ input: entry, platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  const [{ code }] = output;
  return { code, gzipBytes: gzipSync(code).length };
}
