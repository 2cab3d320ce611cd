import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program of this machine, looked for on PATH and then in other folders. */
export function findProgram(name: string, dirs: readonly string[] = []): string | undefined {
  return [...(process.env["PATH"] ?? "").split(delimiter), ...dirs]
    .map((dir) => join(dir, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
