import { initiateDeviceAuthorization, pollDeviceAuthorizationGrant } from "openid-client";
import { CliError } from "../failure.ts";
import type { Io } from "../io.ts";
import type { Printer } from "../output/printer.ts";
import type { Session } from "../profiles.ts";
import { asking, connect, type ProviderClient, printable, sessionOf } from "./provider.ts";

/** Signs in on another device (RFC 8628): this one shows a code, and asks until somebody has entered it there, or it has run out. */
export async function signInByDevice(io: Io, out: Printer, provider: ProviderClient, scopes: readonly string[]): Promise<Session> {
  const config = await connect(provider);
  if (config.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CliError(`${printable(provider.issuer)} lets nobody sign in on another device`, { fix: "leave out --device" });
  }
  const begun = await asking(provider.issuer, () => initiateDeviceAuthorization(config, { scope: scopes.join(" ") }));
  const { user_code: code, verification_uri: address, verification_uri_complete: complete } = begun;
  out.note(`open ${printable(address)} on any device and enter the code ${printable(code)}`);
  if (complete !== undefined) {
    out.note(`or open ${printable(complete)} and see that it shows the same code`);
  }
  const tokens = await asking(provider.issuer, () => pollDeviceAuthorizationGrant(config, begun, undefined, { signal: io.signal }));
  return sessionOf(provider, tokens);
}
