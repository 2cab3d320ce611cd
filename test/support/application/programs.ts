import type { Issue } from "../../../sdk/contract/index.ts";
import {
  type ClawProgram,
  type ClawPrograms,
  type ClawSchema,
  type ConfigQuestion,
  ProgramUnavailableError,
} from "../../../service/application/ports/instances/claw-programs.ts";

/** Programs of claws that are at hand in every version and take any config, unless a test says otherwise. */
export class PlayedPrograms implements ClawPrograms {
  /** What was asked about, in order. */
  readonly asked: ConfigQuestion[] = [];
  /** By version: why it can't be had. */
  readonly unavailable = new Map<string, string>();
  /** What a program refuses of a config. */
  refusals: (question: ConfigQuestion) => readonly Issue[] = () => [];
  schema: ClawSchema | null = {};
  /** By version: those whose schema is another one. */
  readonly schemas = new Map<string, ClawSchema>();

  async schemaOf(program: ClawProgram): Promise<ClawSchema | null> {
    this.#assertAvailable(program);
    return this.schemas.get(program.version) ?? this.schema;
  }

  async judge(question: ConfigQuestion): Promise<readonly Issue[]> {
    this.#assertAvailable(question);
    this.asked.push(question);
    return this.refusals(question);
  }

  async close(): Promise<void> {}

  #assertAvailable({ version }: ClawProgram): void {
    const why = this.unavailable.get(version);
    if (why !== undefined) {
      throw new ProgramUnavailableError(why);
    }
  }
}
