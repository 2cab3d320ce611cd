import { createHash } from "node:crypto";
import { SHARED_SESSION } from "../../../sdk/contract/index.ts";

/** Of a digest so much tells subjects apart for good. */
const DIGEST_CHARS = 32;

/** Whether others take part in a session of that name. */
export function isShared(session: string): boolean {
  return session.startsWith(SHARED_SESSION);
}

/**
 * What a session is called at the claw: nobody can name another's, whatever they call theirs. A subject is part of it as a digest, since claws
 * keep to small letters, digits and few signs in such names.
 */
export function sessionKey(session: string, subject: string): string {
  if (isShared(session)) {
    return `shared.${session.slice(SHARED_SESSION.length)}`;
  }
  return `u${createHash("sha256").update(subject).digest("hex").slice(0, DIGEST_CHARS)}.${session}`;
}
