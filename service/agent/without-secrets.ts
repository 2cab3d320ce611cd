import type { OwnWord } from "./status-report.ts";

/** Shorter ones are in many texts by chance. */
const SECRET_LENGTH_MIN = 4;

/** A text of a claw's without its secrets. */
export function withoutSecrets(secrets: readonly string[], text: string): string {
  // Line by line and before the text is cut: a part of a secret is known by nobody.
  const parts = secrets
    .flatMap((secret) => secret.split("\n").map((line) => line.trim()))
    .filter(({ length }) => length >= SECRET_LENGTH_MIN);
  const byLength = parts.sort((a, b) => b.length - a.length);
  return byLength.reduce((left, part) => left.replaceAll(part, "[secret]"), text);
}

/** The same of what it says of itself. */
export function wordWithout(secrets: readonly string[], { config, channels, ...rest }: OwnWord): OwnWord {
  const clean = <T extends { readonly message: string }>(said: T): T => ({ ...said, message: withoutSecrets(secrets, said.message) });
  return { ...rest, ...(config && { config: clean(config) }), ...(channels && { channels: channels.map(clean) }) };
}
