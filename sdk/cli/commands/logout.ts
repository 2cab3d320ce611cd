import { defineCommand } from "../command.ts";
import { type Profile, pickProfile, type Session, updateProfiles } from "../profiles.ts";

export const logoutCommand = defineCommand({
  path: "logout",
  group: "This program",
  summary: "Forget the token of a profile",
  details:
    "Forgets the profile's token, or its session, which it also ends at the identity provider where that can be done. Address and tenant stay, for the next 'claw login'. A token of a service account holds until it is revoked: 'claw tokens revoke'.",
  examples: ["claw logout", "claw logout --profile prod"],
  syntax: (command) => command,
  async run({ io, out, globals }) {
    let session: Session | undefined;
    let name = globals.profile ?? io.env["CLAW_PROFILE"];
    await updateProfiles(io, (stored) => {
      const { token: _token, session: held, ...rest }: Profile = pickProfile(stored, name);
      session = held;
      name ??= stored.current;
      return { ...stored, profiles: { ...stored.profiles, [name]: rest } };
    });
    const failure = session && (await (await import("../sign-in/revoke.ts")).revoke(session));
    out.note(`logged out; profile '${name}' holds no token`);
    if (failure !== undefined) {
      out.note(`the session could not be ended at ${session?.issuer}: ${failure}`);
    }
  },
});
