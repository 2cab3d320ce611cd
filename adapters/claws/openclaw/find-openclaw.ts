import { readFileSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { parseEnv } from "node:util";
import json5 from "json5";
import { type ConfigTree, isTree } from "../../../service/domain/configs/config-path.ts";
import { mergeTrees } from "../json.ts";
import { AdoptionError, type FoundOpenClaw } from "./adopt.ts";

const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
const INCLUDES_DEEP = 10;
const INCLUDE = "$include";

export interface WhereOpenClawIs {
  /** Its `openclaw.json`. */
  readonly path: string;
  /** @default the file's folder */
  readonly stateDir?: string | undefined;
  /** Files of variables that it is started with. */
  readonly envFiles: readonly string[];
  /** What whoever asks has in the environment: only what its configuration names is taken of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}

/** Reads what an OpenClaw is configured with: its file with what that includes, its state's `.env`, and the variables that it is started with. @throws {AdoptionError} */
export function findOpenClaw({ path, stateDir = dirname(path), envFiles, env, homeDir }: WhereOpenClawIs): FoundOpenClaw {
  const config = included(readFile(path), path, 0);
  const beside = readEnv(join(stateDir, ".env"), true);
  const given = Object.assign({}, ...envFiles.map((file) => readEnv(file, false))) as Record<string, string>;
  const around = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return {
    config,
    env: { ...beside, ...around, ...given },
    own: Object.keys({ ...beside, ...given }),
    stateDir: resolve(stateDir),
    homeDir,
  };
}

function readFile(path: string): ConfigTree {
  const text = textOf(path);
  let value: unknown;
  try {
    value = json5.parse(text);
  } catch (error) {
    // Its message quotes nothing of the file but a character.
    throw new AdoptionError(`'${path}' is no JSON5: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isTree(value)) {
    throw new AdoptionError(`'${path}' holds no object: it is not OpenClaw's configuration`);
  }
  return value;
}

/** One `$include` is what stands in its place; of several the later win; what is beside it wins over all. */
function included(value: unknown, file: string, depth: number): ConfigTree {
  const walk = (item: unknown): unknown => {
    if (Array.isArray(item)) {
      return item.map(walk);
    }
    return isTree(item) ? included(item, file, depth) : item;
  };
  const { [INCLUDE]: names, ...rest } = value as ConfigTree;
  const own = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, walk(item)]));
  if (names === undefined) {
    return own;
  }
  if (depth >= INCLUDES_DEEP) {
    throw new AdoptionError(`'${file}' includes more than ${INCLUDES_DEEP} files, one in the other`);
  }
  const folder = dirname(resolve(file));
  const trees = [names].flat().map((name) => {
    const other = resolve(folder, String(name));
    if (!other.startsWith(`${folder}${sep}`)) {
      throw new AdoptionError(`'${file}' includes '${String(name)}', which is not in its folder; put it there`);
    }
    return included(readFile(other), other, depth + 1);
  });
  return [...trees, own].reduce<ConfigTree>((below, above) => mergeTrees(below, above), {});
}

function readEnv(path: string, isOptional: boolean): Record<string, string> {
  try {
    return parseEnv(textOf(path)) as Record<string, string>;
  } catch (error) {
    if (isOptional) {
      return {};
    }
    throw error;
  }
}

function textOf(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AdoptionError(`'${path}' can't be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (text.length > CONFIG_BYTES_MAX) {
    throw new AdoptionError(`'${path}' is larger than ${CONFIG_BYTES_MAX / 1024 ** 2} MB`);
  }
  return text;
}
