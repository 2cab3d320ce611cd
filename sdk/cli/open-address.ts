import { spawn } from "node:child_process";
import { platform } from "node:process";
import type { Io } from "./io.ts";

const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** Opens an address in the browser of whoever sits here, if there is one: it is shown as well. */
export function openAddress({ env }: Io, url: string): void {
  const [program, ...args] = OPENERS[platform] ?? ["xdg-open"];
  const child = spawn(program, [...args, url], { env, stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
