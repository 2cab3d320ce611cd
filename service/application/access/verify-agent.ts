import type { InstanceId } from "../../../sdk/contract/index.ts";
import { agentTokenNumber, agentTokenOf, isSameToken } from "../../domain/access/tokens.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";

interface AgentDependencies {
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
}

/**
 * When a connection began whose token is that instance's, by the database's clock; undefined where it is not, or the instance is gone. A wrong token takes the same
 * time, whatever is wrong with it. Once an agent has come with
 * a renewed token, those before are no good; until then the last one is, or it could never be handed the new one.
 */
export async function verifyAgent(
  { transactions, cipher }: AgentDependencies,
  uid: InstanceId,
  token: string,
): Promise<string | undefined> {
  const number = agentTokenNumber(token);
  if (
    !isSameToken(
      token,
      agentTokenOf(uid, number, (purpose) => cipher.derive(purpose)),
    )
  ) {
    return undefined;
  }
  // Tokens are derived of ids, and an id is known for ever.
  const known = await transactions.reads.platform((tx) => tx.work.findAgentToken(uid));
  if (!known || number < known.taken) {
    return undefined;
  }
  if (number > known.taken) {
    await transactions.tenant(known.tenantId, (tx) => tx.instances.takeAgentToken(uid, number));
  }
  return known.askedAt;
}
