import { styleText } from "node:util";
import type { OutputStream } from "../io.ts";

type Style = Parameters<typeof styleText>[0];
/** Colours text, or leaves it. */
export type Paint = (style: Style, text: string) => string;

/** Colour for terminals, unless `NO_COLOR` says otherwise; `FORCE_COLOR` gives it to pipes. */
export function painter(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): Paint {
  const forced = env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0";
  const enabled = !env["NO_COLOR"] && (stream.isTTY === true || forced);
  return enabled ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}
