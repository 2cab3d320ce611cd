import { defineCommand } from "../command.ts";
import { openAddress } from "../sign-in/open-address.ts";

export const openCommand = defineCommand({
  path: "open",
  group: "Sessions",
  summary: "Open an instance's own web UI in a browser, signed in",
  details:
    "The page is at an address of the instance's own, which the control plane serves. The link is good once, within a minute: whoever opens it is in, for 12 hours at most, and no longer than what you are signed in with.",
  examples: ["claw open web", "claw open web --print"],
  syntax: (command) => command.argument("<instance>", "its name").option("--print", "only print the link"),
  async run({ claw, io, out, signal }, { print }, name) {
    const { url } = await claw.instances.open(name, { signal });
    await out.line(url);
    if (print !== true) {
      openAddress(io, url);
    }
  },
});
