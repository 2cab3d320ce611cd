import { agentTokenPurpose, isSameToken } from "../../domain/access/tokens.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";

/** Whether the token is that instance's; takes the same time for any wrong one. */
export function verifyAgent(cipher: SecretCipher, uid: string, token: string): boolean {
  return isSameToken(token, cipher.derive(agentTokenPurpose(uid)));
}
