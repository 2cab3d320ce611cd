import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { UserAbortError } from "../client/index.ts";
import { usageError } from "./failure.ts";
import { type Io, isInteractive } from "./io.ts";

/** Asks for a yes. @throws when nobody can answer, naming the flag to give instead */
export async function confirm(io: Io, question: string, flag = "--yes"): Promise<boolean> {
  if (!isInteractive(io)) {
    throw usageError(`'${question}' can't be asked without a terminal`, `give ${flag}`);
  }
  const answer = await ask(io, `${question} [y/N] `, io.stderr);
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks for a word, of somebody who can see the question. */
export async function askText(io: Io, question: string): Promise<string> {
  return (await ask(io, question, io.stderr)).trim();
}

/** Asks for a secret without echoing it. */
export async function askSecret(io: Io, question: string, flag: string): Promise<string> {
  if (!isInteractive(io)) {
    throw usageError(`'${question}' can't be asked without a terminal`, `give ${flag}`);
  }
  io.stderr.write(`${question}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return (await ask(io, "", silent)).trim();
  } finally {
    io.stderr.write("\n");
  }
}

async function ask(io: Io, question: string, output: Writable): Promise<string> {
  const prompt = createInterface({ input: io.stdin, output, terminal: true });
  // In raw mode Ctrl-C is a key of the prompt, not a signal.
  const interrupted = new Promise<never>((_, reject) => {
    const abort = () => reject(new UserAbortError("interrupted"));
    prompt.once("SIGINT", abort);
    prompt.once("close", abort);
  });
  try {
    return await Promise.race([prompt.question(question, { signal: io.signal }), interrupted]);
  } finally {
    prompt.close();
  }
}
