import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { OUTPUT_FORMATS } from "./output/printer.ts";

/** `-o` of reads. */
export const outputOption = new Option("-o, --output <format>", "how to print").choices(OUTPUT_FORMATS).default("table");
/** Writes print a line for people unless asked for the resource. */
export const writeOutputOption = new Option("-o, --output <format>", "print the resource instead of a message").choices([
  "json",
  "yaml",
  "name",
]);
/** `-o` of previews. */
export const documentOutputOption = new Option("-o, --output <format>", "print it as a document").choices(["json", "yaml"]);
/** `-f`. */
export const filesOption = new Option(
  "-f, --filename <path...>",
  "manifest file, folder of manifests (*.yaml, *.yml, *.json, subfolders too), or '-' for stdin",
);
/** `-l`. */
export const selectorOption = new Option("-l, --selector <labels>", "only those with these labels: 'team=red,env!=prod,tier in (a,b)'");
/** `-y`. */
export const yesOption = new Option("-y, --yes", "do not ask");
/** `--preview` of writes. */
export const previewOption = new Option("--preview", "show what would change, with a plan to apply, and change nothing");
/** `--allow-unchecked` of writes. */
export const allowUncheckedOption = new Option("--allow-unchecked", "also when nobody could check the claw's configuration");
/** `--wait` of writes. */
export const waitOption = new Option("--wait", "wait until it is done, showing what happens");
/** `--timeout`, in milliseconds. */
export const timeoutOption = new Option("--timeout <duration>", "how long --wait waits: '90s', '5m'")
  .argParser(parseDuration)
  .default(300_000, "5m");

/** `90s`, `5m`, `1h`, or a number of seconds; in milliseconds. */
export function parseDuration(text: string): number {
  const [, count, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (count === undefined) {
    throw new InvalidArgumentError("not a duration such as '90s' or '5m'.");
  }
  return Number(count) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit as "ms" | "s" | "m" | "h"];
}

/** A whole number from `min` to `max`. */
export function parseCount(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!Number.isInteger(count) || count < min || count > max) {
      throw new InvalidArgumentError(`not a whole number from ${min} to ${max}.`);
    }
    return count;
  };
}

/** Collects `key=value` pairs of an option that may be given several times. */
export function parsePair(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new InvalidArgumentError("not of the form key=value.");
  }
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Keys whose value is a secret's, which is named. */
export const secretRefOption = new Option(
  "--secret-ref <key=secret>",
  "have a key name a secret in the place of a value; repeatable",
).argParser(parsePair);

/** What stands for them. */
export function refsOf(
  named: Readonly<Record<string, string>>,
): { readonly key: string; readonly value: { readonly secretRef: string } }[] {
  return Object.entries(named).map(([key, secretRef]) => ({ key, value: { secretRef } }));
}

/** A value given as text: JSON when it is JSON, else the text itself, so that `--set memory.limit=2000` is a number. */
export function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
