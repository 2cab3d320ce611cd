/** The names of a catalogue, each by itself: what code compares with and sends, where a page tells of what each says. */
export function namesOf<const Sentences extends Readonly<Record<string, string>>>(
  sentences: Sentences,
): { readonly [Name in keyof Sentences & string]: Name } {
  return Object.fromEntries(Object.keys(sentences).map((name) => [name, name])) as { [Name in keyof Sentences & string]: Name };
}
