import { defineCommand } from "../command.ts";
import { openAddress } from "../open-address.ts";

export const openCommand = defineCommand({
  path: "open",
  group: "Sessions",
  summary: "Open an instance's own web UI in a browser, signed in",
  details:
    "The page is at an address of the instance's own, which the control plane serves. The link is good once, within a minute: whoever opens it is in, for 12 hours at most, and no longer than what you are signed in with.",
  examples: ["claw open web", "claw open web --print", "claw open web --path /ui/"],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .option("--print", "only print the link")
      .option("--path <path>", "the page, where that is not /: as the claw's configuration has it", "/"),
  async run({ claw, io, out, signal }, { print, path }, name) {
    const { url } = await claw.instances.open(name, { path }, { signal });
    await out.line(url);
    if (print !== true) {
      openAddress(io, url);
    }
  },
});
