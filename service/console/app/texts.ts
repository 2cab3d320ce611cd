/** Texts of an area by their keys: in English and in Chinese, so that none can be missing in either. `{name}` stands for what is put in. */
export type Texts = Readonly<Record<string, readonly [en: string, zh: string]>>;

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A text with what is put in its places. */
export function filled(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text.replaceAll(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** The language that somebody chose before, else the first of the browser's that there is. */
export function chooseLanguage(chosen: string | null, preferred: readonly string[]): Language {
  const wanted = [...(chosen === null ? [] : [chosen]), ...preferred].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag): tag is Language => LANGUAGES.some((language) => language === tag)) ?? "en";
}
