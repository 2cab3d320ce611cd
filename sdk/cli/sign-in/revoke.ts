import { tokenRevocation } from "openid-client";
import { CliError } from "../failure.ts";
import type { Session } from "../profiles.ts";
import { asking, connect } from "./provider.ts";

/** Ends a session at its provider (RFC 7009). @returns why that could not be done: it is forgotten here all the same */
export async function revoke({ issuer, clientId, refreshToken }: Session): Promise<string | undefined> {
  if (refreshToken === undefined) {
    return undefined;
  }
  try {
    const config = await connect({ issuer, clientId });
    if (config.serverMetadata().revocation_endpoint === undefined) {
      return "it revokes no tokens";
    }
    await asking(issuer, () => tokenRevocation(config, refreshToken, { token_type_hint: "refresh_token" }));
    return undefined;
  } catch (error) {
    if (error instanceof CliError) {
      return error.why ?? error.message;
    }
    throw error;
  }
}
