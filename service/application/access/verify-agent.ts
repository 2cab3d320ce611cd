import type { InstanceId } from "../../../sdk/contract/index.ts";
import { agentTokenPurpose, isSameToken } from "../../domain/access/tokens.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";

interface AgentDependencies {
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
}

/** Whether the token is that instance's, and the instance there; a wrong token takes the same time, whatever is wrong with it. */
export async function verifyAgent({ transactions, cipher }: AgentDependencies, uid: InstanceId, token: string): Promise<boolean> {
  if (!isSameToken(token, cipher.derive(agentTokenPurpose(uid)))) {
    return false;
  }
  // Tokens are derived of ids, and an id is known for ever.
  return (await transactions.reads.platform((tx) => tx.work.findTenantOf(uid))) !== undefined;
}
