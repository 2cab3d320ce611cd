import type { Issue } from "../../../../sdk/contract/index.ts";

/** A version of a claw's program, as an npm package. */
export interface ClawProgram {
  readonly package: string;
  readonly version: string;
}

/** A config whose claw is asked what it says of it. */
export interface ConfigQuestion extends ClawProgram {
  readonly content: string;
  /** Environment variables that it refers to. Never a secret: what they hold then says nothing of the config. */
  readonly env: Readonly<Record<string, string>>;
  /** Packages that the claw is to have with it: they must be in the registry. Each is for a `path` of the content, for a `key` that somebody gave. */
  readonly packages?: readonly (ClawProgram & { readonly path: string; readonly key: string })[];
  /** Of the content and the variables: the same question is asked once. */
  readonly digest: string;
}

/** The JSON schema of a version's config, as its program prints it. */
export type ClawSchema = Readonly<Record<string, unknown>>;

/** The program can't be asked: it can't be installed, or does not run here. The message says why. */
export class ProgramUnavailableError extends Error {
  override readonly name = "ProgramUnavailableError";
}

/** Asks the programs of claws about configs: installs them where need be, and runs them apart from everything. */
export interface ClawPrograms {
  /** @returns null of one that prints none @throws {ProgramUnavailableError} */
  schemaOf(program: ClawProgram): Promise<ClawSchema | null>;
  /** What it refuses of a config, by the config's own keys. @throws {ProgramUnavailableError} */
  judge(question: ConfigQuestion): Promise<readonly Issue[]>;
  close(): Promise<void>;
}

/** What was learnt of programs, for every replica. */
export interface ClawKnowledgeRepository {
  /** @returns undefined while nobody knows, null of one that prints none */
  findSchema(program: ClawProgram): Promise<ClawSchema | null | undefined>;
  putSchema(program: ClawProgram, schema: ClawSchema | null): Promise<void>;
  findVerdict(question: ConfigQuestion): Promise<readonly Issue[] | undefined>;
  /** Those of long ago are forgotten. */
  putVerdict(question: ConfigQuestion, issues: readonly Issue[], now: string): Promise<void>;
}
