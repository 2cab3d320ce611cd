import { text as readAll } from "node:stream/consumers";
import { AuthError, Claw } from "../../client/index.ts";
import type { SignInProvider } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { type Context, DEFAULT_URL } from "../context.ts";
import { CliError, ExitCode, usageError } from "../failure.ts";
import { isInteractive } from "../io.ts";
import { isLoopback } from "../loopback.ts";
import { type Profile, pickProfile, readProfiles, type Session, updateProfiles } from "../profiles.ts";
import { askSecret, askText } from "../prompt.ts";

export const loginCommand = defineCommand({
  path: "login",
  group: "This program",
  summary: "Sign in to a control plane, or remember a token of it",
  details:
    "Signs in at an identity provider of the control plane, with a browser of this machine; with --device on any other. Where the control plane has none, or with --token, it takes a token: '--token -' reads stdin.\n\nWrites a profile to ~/.config/claw/config.json (mode 0600), which becomes the current one. Later commands renew what the provider gave; 'claw logout' forgets it. CLAW_URL, CLAW_TOKEN, CLAW_TENANT and CLAW_PROFILE win over profiles, flags over both.",
  examples: [
    "claw login",
    "claw login https://claw.example.com --tenant acme",
    "claw login https://claw.example.com --device",
    "cat token | claw login https://claw.example.com --token - --profile prod",
  ],
  syntax: (command) =>
    command
      .argument("[url]", "the control plane's address")
      .option("--provider <name>", "the identity provider to sign in at, where there are several")
      .option("--device", "sign in on another device, by a code that is shown here")
      .option(
        "--insecure-http",
        "take an http:// address of another host: whoever is on the way there can read your token, and answer in its place",
      ),
  async run(context, { provider, device, insecureHttp }, address) {
    const { io, out, globals, signal } = context;
    const stored = await readProfiles(io);
    const name = globals.profile ?? io.env["CLAW_PROFILE"] ?? stored.current;
    const before = stored.profiles[name] ? pickProfile(stored, name) : {};
    const url = (address ?? globals.url ?? io.env["CLAW_URL"] ?? before.url ?? DEFAULT_URL).replace(/\/+$/, "");
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw usageError(`'${url}' is not an address`, "it looks like https://claw.example.com");
    }
    if (insecureHttp !== true && isReadOnTheWay(url)) {
      throw usageError(
        `${url} is not signed in to: whoever is on the way there could read your token, and say where to sign in`,
        "begin its address with https://; --insecure-http takes it as it is",
      );
    }
    const wantsProvider = provider !== undefined || device === true;
    const given = wantsProvider ? globals.token : (globals.token ?? io.env["CLAW_TOKEN"]);
    if (wantsProvider && given !== undefined) {
      throw usageError("--token is for those who sign in at no provider", "leave it out, or --provider and --device");
    }
    const held = given === undefined ? await signIn(context, url, { provider, device }) : await takeToken(context, url, given);
    const tenant = globals.tenant ?? io.env["CLAW_TENANT"] ?? before.tenant;
    const claw = new Claw({ url, token: held.session?.idToken ?? held.token, tenant });
    const { subject: who } = await claw.access.me({ signal }).catch((error: unknown) => {
      throw held.session && error instanceof AuthError ? notLetIn(url, held.session, error) : error;
    });
    const path = await updateProfiles(io, ({ profiles }) => ({
      current: name,
      profiles: { ...profiles, [name]: { url, ...held, ...(tenant === undefined ? {} : { tenant }) } },
    }));
    out.note(`logged in to ${url} as ${who}${tenant === undefined ? "" : `, tenant ${tenant}`}; profile '${name}' in ${path}`);
  },
});

function isReadOnTheWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol !== "https:" && !isLoopback(hostname);
}

/** To sign in again would come to the same. */
function notLetIn(url: string, { issuer }: Session, cause: AuthError): CliError {
  return new CliError(`you are signed in at ${issuer}, and ${url} does not take that`, {
    why: cause.message,
    fix: "ask its administrator whether the claim that names people is in your ID token, and an e-mail address verified: usernameClaim in CLAW_ISSUERS",
    exitCode: ExitCode.Auth,
    cause,
  });
}

/** What is kept: one of both. */
type Held = Pick<Profile, "session" | "token">;

interface How {
  readonly provider: string | undefined;
  readonly device: true | undefined;
}

async function signIn(context: Context, url: string, how: How): Promise<Held> {
  const { io, out, signal } = context;
  // Whoever is not signed in asks as nobody.
  const { providers } = await new Claw({ url, token: "" }).access.signIn({ signal });
  const provider = await choose(context, providers, how);
  if (provider?.cli === undefined) {
    return takeToken(context, url, undefined);
  }
  const { scopes, ...client } = provider.cli;
  const { signInByBrowser } = await import("../sign-in/browser.ts");
  const { signInByDevice } = await import("../sign-in/device.ts");
  return { session: await (how.device ? signInByDevice : signInByBrowser)(io, out, client, scopes) };
}

async function choose({ io }: Context, listed: readonly SignInProvider[], { provider: wanted, device }: How) {
  const providers = listed.filter(({ cli }) => cli !== undefined);
  const names = providers.map(({ name }) => name).join(", ");
  if (wanted !== undefined || providers.length > 1) {
    const name = wanted ?? (await askFor(io, providers));
    const chosen = providers.find((provider) => provider.name === name);
    if (!chosen) {
      throw usageError(`there is no identity provider '${name}' here`, names === "" ? "log in with a token" : `there are: ${names}`);
    }
    return chosen;
  }
  if (device && providers.length === 0) {
    throw usageError("this control plane has no identity provider to sign in at", "log in with a token: 'claw login --token -'");
  }
  return providers[0];
}

async function askFor(io: Context["io"], providers: readonly SignInProvider[]): Promise<string> {
  if (!isInteractive(io)) {
    const names = providers.map(({ name }) => name);
    throw usageError(`there are several identity providers: ${names.join(", ")}`, "name one: --provider <name>");
  }
  const list = providers.map(({ name, label }) => `  ${name}  ${label}`).join("\n");
  return askText(io, `There are several identity providers:\n${list}\nName of yours: `);
}

async function takeToken({ io }: Context, url: string, given: string | undefined): Promise<Held> {
  const token = given === "-" ? (await readAll(io.stdin)).trim() : (given ?? (await askSecret(io, `Token for ${url}`, "--token <token>")));
  if (token === "") {
    throw usageError("the token is empty", "the quickstart prints one; else ask your administrator");
  }
  return { token };
}
