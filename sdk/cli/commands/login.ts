import { text as readAll } from "node:stream/consumers";
import { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { DEFAULT_URL } from "../context.ts";
import { usageError } from "../failure.ts";
import { pickProfile, readProfiles, writeProfiles } from "../profiles.ts";
import { askSecret } from "../prompt.ts";

export const loginCommand = defineCommand({
  path: "login",
  group: "This program",
  summary: "Remember a control plane and a token",
  details:
    "Checks the token and writes a profile to ~/.config/claw/config.json (mode 0600); the profile becomes the current one.\n\nWithout --token it asks; '--token -' reads stdin. CLAW_URL, CLAW_TOKEN, CLAW_TENANT and CLAW_PROFILE win over profiles, flags over both.",
  examples: [
    "claw login",
    "claw login https://claw.example.com --tenant acme",
    "cat token | claw login https://claw.example.com --token - --profile prod",
  ],
  syntax: (command) => command.argument("[url]", "the control plane's address"),
  async run({ io, out, globals, signal }, _options, address) {
    const stored = await readProfiles(io);
    const name = globals.profile ?? io.env["CLAW_PROFILE"] ?? stored.current;
    const before = stored.profiles[name] ? pickProfile(stored, name) : {};
    const url = (address ?? globals.url ?? io.env["CLAW_URL"] ?? before.url ?? DEFAULT_URL).replace(/\/+$/, "");
    if (!/^https?:\/\/[^/]/.test(url)) {
      throw usageError(`'${url}' is not an address`, "it looks like https://claw.example.com");
    }
    const given = globals.token ?? io.env["CLAW_TOKEN"];
    const token =
      given === "-" ? (await readAll(io.stdin)).trim() : (given ?? (await askSecret(io, `Token for ${url}`, "--token <token>")));
    if (token === "") {
      throw usageError("the token is empty", "the quickstart prints one; else ask your administrator");
    }
    const tenant = globals.tenant ?? io.env["CLAW_TENANT"] ?? before.tenant;
    const { subject: who } = await new Claw({ url, token, tenant }).access.me({ signal });
    const path = await writeProfiles(io, {
      current: name,
      profiles: { ...stored.profiles, [name]: { url, token, ...(tenant === undefined ? {} : { tenant }) } },
    });
    out.note(`logged in to ${url} as ${who}${tenant === undefined ? "" : `, tenant ${tenant}`}; profile '${name}' in ${path}`);
  },
});
