import type { Io } from "./io.ts";
import { isFresh, type Session } from "./profiles.ts";

/** The token of a profile's session whenever one is needed, renewed and kept before it runs out: for commands that go on for hours. */
export function tokenOf(io: Io, profile: string, session: Session): () => Promise<string> {
  let current = session;
  let renewal: Promise<Session> | undefined;
  return async () => {
    if (!isFresh(current)) {
      renewal ??= import("./sign-in/renew.ts")
        .then(({ renew }) => renew(io, profile))
        .finally(() => {
          renewal = undefined;
        });
      current = await renewal;
    }
    return current.idToken;
  };
}
