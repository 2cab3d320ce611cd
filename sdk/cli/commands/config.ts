import { Option } from "@commander-js/extra-typings";
import type { EffectiveValue } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption } from "../options.ts";
import { formatAge } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import { parseVersion } from "./pin.ts";

/** A value in effect, or, beneath it, one that it hides. */
type Line = Omit<EffectiveValue, "hides"> & { readonly isHidden: boolean };

const VALUE_MAX = 48;

const view: View<Line> = {
  name: ({ key }) => key,
  columns: [
    { header: "KEY", value: ({ key, isHidden }) => (isHidden ? `  hides ${key}` : key) },
    { header: "VALUE", value: ({ value }) => shorten(value === null ? "(taken away)" : JSON.stringify(value)) },
    { header: "FROM", value: ({ origin, locked }) => (locked ? `${origin}, locked` : origin) },
    { header: "OF", value: ({ values }) => (values === undefined ? "-" : `values/${values}`) },
    { header: "SET BY", value: ({ setBy }) => setBy ?? "-" },
    { header: "AGE", value: ({ setAt }) => (setAt === undefined ? "-" : formatAge(setAt)) },
  ],
};

export const configExplain = defineCommand({
  path: "config explain",
  group: "Instances",
  summary: "Say what an instance is configured with, and where each value comes from",
  details:
    "Of each key: its value, secrets masked; the level that gives it, by which set of values, who set it and when; and what it hides, strongest first. '-o json' is the API's answer.",
  examples: [
    "claw config explain web",
    "claw config explain web model.name",
    "claw config explain web model -o json",
    "claw config explain web --at-version 12",
  ],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .argument("[key]", "this key alone, and what is beneath it")
      .addOption(
        new Option(
          "--at-version <version>",
          "what it has by a version of its template, with the values of the levels that held when that was published",
        ).argParser(parseVersion),
      )
      .addOption(outputOption),
  async run({ claw, out, signal }, { atVersion: version, output }, name, key) {
    const items: EffectiveValue[] = [];
    let cursor: string | undefined;
    do {
      const query = {
        explain: true,
        ...(key !== undefined && { key }),
        ...(cursor !== undefined && { cursor }),
        ...(version !== undefined && { version }),
      };
      const answer = await claw.instances.config(name, query, { signal });
      items.push(...answer.items);
      cursor = answer.nextCursor;
      if (cursor === undefined) {
        for (const { path, message } of answer.issues) {
          out.note(`${path}: ${message}`);
        }
      }
    } while (cursor !== undefined);
    if (output === "json" || output === "yaml" || output === "name") {
      return out.items(items, { ...view, name: (item: EffectiveValue) => item.key, columns: [] }, output);
    }
    const lines = items.flatMap(({ hides = [], ...item }): Line[] => [
      { ...item, isHidden: false },
      ...hides.map((hidden) => ({ ...hidden, secret: item.secret, isHidden: true })),
    ]);
    return out.items(lines, view, output);
  },
});

function shorten(text: string): string {
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX - 1)}…` : text;
}
