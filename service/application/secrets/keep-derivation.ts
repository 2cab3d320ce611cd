import { ClawError } from "../../../sdk/contract/index.ts";
import type { RotatingCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";

const NAME = "derivation";

/**
 * What agents' tokens and the stacks' keys are derived from. It is made of the first master key and kept, sealed: those who hold a derived
 * secret go on when the master key is another, and once it is sealed by the new one, the former is needed no more.
 * @param made what it is where none is kept yet
 * @throws {ClawError} `service.unavailable` when it was sealed with a key that is not given
 */
export function keepDerivation(transactions: Transactions, cipher: RotatingCipher, made: string): Promise<string> {
  return transactions.platform(async (tx) => {
    const kept = await tx.keyring.find(NAME);
    if (kept !== undefined && cipher.isCurrent(kept)) {
      return cipher.decrypt(kept);
    }
    const derivation = kept === undefined ? made : opened(kept, cipher);
    await tx.keyring.put(NAME, cipher.encrypt(derivation));
    return derivation;
  });
}

function opened(kept: string, cipher: RotatingCipher): string {
  try {
    return cipher.decrypt(kept);
  } catch (error) {
    const message = "the master key is not the one that the database's secrets are sealed with; give that one in CLAW_MASTER_KEY_FORMER";
    throw new ClawError("service.unavailable", message, { cause: error });
  }
}
