import { get } from "node:http";
import { isDeepStrictEqual } from "node:util";
import type { HttpProbe } from "../../sdk/contract/index.ts";

const BODY_BYTES_MAX = 64 * 1024;

/** Why a probe failed, or undefined when the body held what was expected. */
export function probe(port: number, spec: HttpProbe, timeoutMs = 2_000): Promise<string | undefined> {
  return new Promise((resolve) => {
    const req = get({ host: "127.0.0.1", port, path: spec.path, agent: false, timeout: timeoutMs }, (res) => {
      let body = "";
      res.setEncoding("utf8");
      res.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > BODY_BYTES_MAX) {
          req.destroy();
          resolve(`GET ${spec.path} answered more than ${BODY_BYTES_MAX} bytes`);
        }
      });
      res.on("end", () => resolve(judge(spec, res.statusCode ?? 0, body)));
      res.on("error", (err) => resolve(`GET ${spec.path}: ${err.message}`));
    });
    req.on("timeout", () => req.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    req.on("error", (err) => resolve(`GET ${spec.path}: ${err.message}`));
  });
}

function judge(spec: HttpProbe, status: number, body: string): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return `GET ${spec.path} answered ${status} without JSON`;
  }
  return containsExpected(json, spec.expect) ? undefined : `GET ${spec.path} answered ${status} ${body.slice(0, 200)}`;
}

/** Whether every key of `expected` is in `actual` with an equal value, objects recursively. */
function containsExpected(actual: unknown, expected: unknown): boolean {
  if (typeof expected === "object" && expected !== null && !Array.isArray(expected)) {
    return (
      typeof actual === "object" &&
      actual !== null &&
      Object.entries(expected).every(([key, value]) => containsExpected((actual as Record<string, unknown>)[key], value))
    );
  }
  return isDeepStrictEqual(actual, expected);
}
