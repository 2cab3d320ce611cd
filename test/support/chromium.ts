import { type Browser, chromium } from "playwright-core";
import { findProgram } from "./find-program.ts";

/** The machine's own Chromium, without a window. @throws when the machine has none */
export async function startChromium(): Promise<Browser> {
  const executablePath = findProgram("chromium");
  if (executablePath === undefined) {
    throw new Error("there is no 'chromium' on PATH: install it (Debian's package has the same name)");
  }
  // Its own sandbox refuses to run as root, as tests do in containers.
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
