import { useSyncExternalStore } from "react";
import { type TextKey, textsOf } from "./catalogue.ts";
import { keep, read } from "./kept.ts";
import { chooseLanguage, filled, LANGUAGES, type Language } from "./texts.ts";

/** What somebody prefers is kept in their browser: it is nothing that the service needs to know. */
const LANGUAGE = "claw.language";
const THEME = "claw.theme";
const TENANT = "claw.tenant";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const listeners = new Set<() => void>();
let language: Language = chooseLanguage(read(LANGUAGE), navigator.languages);
let theme: Theme = THEMES.find((known) => known === read(THEME)) ?? "system";
show();

function show(): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset["theme"] = theme;
}

function changed(): void {
  show();
  for (const listener of listeners) {
    listener();
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setLanguage(next: Language): void {
  language = next;
  keep(LANGUAGE, next);
  changed();
}

export function setTheme(next: Theme): void {
  theme = next;
  keep(THEME, next);
  changed();
}

/** The other one of light and dark, whichever is shown. */
export function toggleTheme(): void {
  const isDark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(isDark ? "light" : "dark");
}

export function useLanguage(): Language {
  return useSyncExternalStore(subscribe, () => language);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, () => theme);
}

/** The tenant that was looked at last. */
export function lastTenant(): string | undefined {
  return read(TENANT) ?? undefined;
}

export function keepTenant(name: string): void {
  keep(TENANT, name);
}

export type Translate = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

/** Texts in the language that is chosen. */
export function useTexts(): Translate {
  const index = LANGUAGES.indexOf(useLanguage());
  return (key, values) => filled(textsOf(key)[index] ?? "", values);
}
