import { access } from "../access/messages.ts";
import { audit } from "../audit/messages.ts";
import { consistency } from "../consistency/messages.ts";
import { create } from "../create/messages.ts";
import { instances } from "../instances/messages.ts";
import { overview } from "../overview/messages.ts";
import { plans } from "../plans/messages.ts";
import { previews } from "../previews/messages.ts";
import { resources } from "../resources/messages.ts";
import { signIn } from "../sign-in/messages.ts";
import { stacks } from "../stacks/messages.ts";
import { app } from "./messages.ts";
import type { Texts } from "./texts.ts";

/** Every text of the console, by area. */
export const catalogue = {
  access,
  app,
  audit,
  consistency,
  create,
  instances,
  overview,
  plans,
  previews,
  resources,
  signIn,
  stacks,
} as const satisfies Readonly<Record<string, Texts>>;

type Catalogue = typeof catalogue;
/** `area.key` of a text that there is. */
export type TextKey = { [A in keyof Catalogue & string]: `${A}.${keyof Catalogue[A] & string}` }[keyof Catalogue & string];

/** A text's forms by its key. */
export function textsOf(key: TextKey): readonly [en: string, zh: string] {
  const [area = "", name = ""] = key.split(".");
  const found = (catalogue as Readonly<Record<string, Texts>>)[area]?.[name];
  if (!found) {
    throw new Error(`there is no text '${key}'`);
  }
  return found;
}
