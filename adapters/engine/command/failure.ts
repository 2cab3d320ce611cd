/** Ends a command the way the CLI would: an exit code and what it prints as `error: …`. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  /** Whether the text was made by the engine alone: only then may the Automation API choose an error class by it. */
  readonly classified: boolean;
  constructor(exitCode: number, message: string, classified = true) {
    super(message);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
    this.classified = classified;
  }
}

export const ExitCode = { Failed: 1, StackMissing: 6, ChangesFound: 7, Cancelled: 8 } as const;
