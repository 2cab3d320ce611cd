import type { EffectiveValue } from "../../../sdk/contract/index.ts";

/** Where a line of a rendered file comes from. */
export type Source = Pick<EffectiveValue, "key" | "origin">;

/**
 * Of each line of a rendered file, the configuration's value that it shows: the one of the same last name and value, else the only one of that value.
 * How a claw's file is made of the configuration is its adapter's affair, so a line may have none.
 */
export function sourcesOf(content: string, values: readonly EffectiveValue[]): readonly (Source | undefined)[] {
  const byValue = Map.groupBy(values, ({ value }) => JSON.stringify(value));
  return content.split("\n").map((line) => {
    const [, name, text] = /^\s*"?([\w.$-]+)"?\s*[:=]\s*(.+?),?\s*$/.exec(line) ?? [];
    if (name === undefined || text === undefined) {
      return undefined;
    }
    const same = byValue.get(text) ?? [];
    const named = same.filter(({ key }) => key === name || key.endsWith(`.${name}`) || key.endsWith(`[${name}]`));
    // A truth value is the same in many places by chance.
    const [only] = named.length > 0 ? named : same.length === 1 && text.length > 5 ? same : [];
    return only;
  });
}
