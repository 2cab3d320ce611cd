import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { catalogue, type TextKey, textsOf } from "../../../service/console/app/catalogue.ts";
import { chooseLanguage, filled } from "../../../service/console/app/texts.ts";

const folder = join(import.meta.dirname, "../../../service/console");
const sources = globSync("**/*.{ts,tsx}", { cwd: folder })
  .filter((file) => !file.endsWith("messages.ts"))
  .map((file) => readFileSync(join(folder, file), "utf8"))
  .join("\n");
const keys = Object.entries(catalogue).flatMap(([area, texts]) => Object.keys(texts).map((key) => `${area}.${key}` as TextKey));
/** What comes before the variable part of a key that is put together: more than its area. */
const composed = [...sources.matchAll(/`(\w+\.\w+)\$\{/g)].map(([, prefix = ""]) => prefix);

describe("the console's texts", () => {
  it("are all used", ({ expect }) => {
    const unused = keys.filter((key) => !sources.includes(`"${key}"`) && !composed.some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });

  it("are there in both languages, with the same places to fill", ({ expect }) => {
    const placesOf = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
    for (const key of keys) {
      const [en, zh] = textsOf(key);
      expect([key, en.trim() !== "" && zh.trim() !== ""]).toEqual([key, true]);
      expect([key, placesOf(zh)]).toEqual([key, placesOf(en)]);
    }
  });

  it("are filled with what belongs there, and keep a place that nothing is given for", ({ expect }) => {
    expect(filled("{shown} of {count}", { shown: 2, count: 10 })).toBe("2 of 10");
    expect(filled("by {name}")).toBe("by {name}");
  });

  it.for([
    { chosen: null, preferred: ["zh-TW", "en"], language: "zh" },
    { chosen: "en", preferred: ["zh-CN"], language: "en" },
    { chosen: "xx", preferred: ["de-DE", "zh"], language: "zh" },
    { chosen: null, preferred: ["de-DE"], language: "en" },
  ])("are in $language for who chose $chosen and prefers $preferred", ({ chosen, preferred, language }, { expect }) => {
    expect(chooseLanguage(chosen, preferred)).toBe(language);
  });
});
