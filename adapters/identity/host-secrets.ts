import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ConditionReason, SECRET_BYTES_MAX } from "../../sdk/contract/index.ts";
import type { Given, HostSecrets } from "../../service/application/ports/secrets/secret-sources.ts";

/** What this process's environment and its host's files hold. */
export const hostSecrets: HostSecrets = {
  env(name) {
    const value = process.env[name];
    return value === undefined || value === "" ? missing(`the control plane's environment has no '${name}'`) : { value };
  },
  async file(path) {
    let handle: Awaited<ReturnType<typeof open>>;
    try {
      // Without waiting for whoever would write to a pipe.
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason = code === "EACCES" || code === "EPERM" ? ConditionReason.SourceForbidden : ConditionReason.SourceMissing;
      return { reason, message: `the file '${path}' can't be read: ${code}` };
    }
    try {
      if (!(await handle.stat()).isFile()) {
        return missing(`'${path}' is no file`);
      }
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(SECRET_BYTES_MAX + 1), 0, SECRET_BYTES_MAX + 1, 0);
      const value = buffer.toString("utf8", 0, bytesRead).replace(/\r?\n$/, "");
      if (bytesRead > SECRET_BYTES_MAX) {
        return missing(`the file '${path}' is longer than ${SECRET_BYTES_MAX} bytes`);
      }
      return value === "" ? missing(`the file '${path}' is empty`) : { value };
    } finally {
      await handle.close();
    }
  },
};

function missing(message: string): Given {
  return { reason: ConditionReason.SourceMissing, message };
}
