import type { Issue } from "../../../sdk/contract/index.ts";
import type { Checked } from "../ports/instances/claw-adapter.ts";
import {
  type ClawProgram,
  type ClawPrograms,
  type ClawSchema,
  type ConfigQuestion,
  ProgramUnavailableError,
} from "../ports/instances/claw-programs.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";

/** How long a request waits for answers. What takes longer goes on, and is known to the next one. */
const PATIENCE_MS = 15_000;
/** The same for a version of which nothing is known yet: it is installed first, and its config is unchecked until then. */
const FIRST_PATIENCE_MS = 45_000;
/** How long one that could not be asked is left alone. */
const UNAVAILABLE_MS = 60_000;
/** Each is a few hundred bytes. */
const VERDICTS_MAX = 10_000;
/** More than any request has differing configs, and a minute of a program's time. */
export const QUESTIONS_MAX = 30;

/** What claws' own programs say of configs: known without asking inside transactions, asked outside of them. */
export interface ConfigChecks {
  /** What is known now. */
  known(question: ConfigQuestion): Known;
  /** What is known of a version's configs in general, by the database too. */
  schemaOf(tx: Pick<PlatformTransaction, "claws">, program: ClawProgram): Promise<ClawSchema | undefined>;
  /** Finds out what it can of them in reasonable time. Outside of transactions. */
  ask(questions: readonly ConfigQuestion[]): Promise<void>;
}

export interface Known extends Checked {
  /** Whether its program has said what it says, or can't be asked now. */
  readonly isAsked: boolean;
  /** Why the config was not checked, neither by its program nor by its schema. */
  readonly unchecked: string | undefined;
}

interface CheckDependencies {
  readonly transactions: Transactions;
  readonly programs: ClawPrograms;
  readonly clock: () => Date;
}

export function createConfigChecks({ transactions, programs, clock }: CheckDependencies): ConfigChecks {
  const schemas = new Map<string, ClawSchema | null>();
  const verdicts = new Map<string, readonly Issue[]>();
  const unavailable = new Map<string, { readonly why: string; readonly until: number }>();
  const running = new Map<string, Promise<void>>();
  const programKey = (program: ClawProgram) => `${program.package}@${program.version}`;
  const questionKey = (question: ConfigQuestion) => `${programKey(question)}/${question.digest}`;
  const whyUnavailable = (program: ClawProgram) => {
    const found = unavailable.get(programKey(program));
    return found && found.until > clock().getTime() ? found.why : undefined;
  };

  const note = (question: ConfigQuestion, issues: readonly Issue[]) => {
    const [oldest] = verdicts.keys();
    if (verdicts.size >= VERDICTS_MAX && oldest !== undefined) {
      verdicts.delete(oldest);
    }
    verdicts.set(questionKey(question), issues);
  };
  const answer = async (question: ConfigQuestion): Promise<void> => {
    const stored = await transactions.platform(async ({ claws }) => ({
      schema: schemas.has(programKey(question)) ? undefined : await claws.findSchema(question),
      verdict: await claws.findVerdict(question),
    }));
    if (stored.schema !== undefined) {
      schemas.set(programKey(question), stored.schema);
    }
    if (stored.verdict) {
      note(question, stored.verdict);
      return;
    }
    if (whyUnavailable(question) !== undefined) {
      return;
    }
    try {
      if (!schemas.has(programKey(question))) {
        const schema = await programs.schemaOf(question);
        schemas.set(programKey(question), schema);
        await transactions.platform(({ claws }) => claws.putSchema(question, schema));
      }
      const issues = await programs.judge(question);
      note(question, issues);
      if (issues.length > 0 && question.packages?.length) {
        // A registry that lacks a package now may offer it soon.
        setTimeout(() => verdicts.delete(questionKey(question)), UNAVAILABLE_MS).unref();
        return;
      }
      await transactions.platform(({ claws }) => claws.putVerdict(question, issues, clock().toISOString()));
    } catch (error) {
      if (!(error instanceof ProgramUnavailableError)) {
        throw error;
      }
      unavailable.set(programKey(question), { why: error.message, until: clock().getTime() + UNAVAILABLE_MS });
    }
  };
  const begin = (question: ConfigQuestion): Promise<void> => {
    const key = questionKey(question);
    const begun = running.get(key) ?? answer(question).finally(() => running.delete(key));
    running.set(key, begun);
    return begun;
  };

  return {
    known(question) {
      const schema = schemas.get(programKey(question)) ?? undefined;
      const said = verdicts.get(questionKey(question));
      const why = whyUnavailable(question);
      return {
        schema,
        said,
        isAsked: said !== undefined || why !== undefined,
        unchecked: schema || said ? undefined : (why ?? `${programKey(question)} is still being installed to be asked`),
      };
    },
    async schemaOf({ claws }, program) {
      const known = schemas.get(programKey(program)) ?? (await claws.findSchema(program));
      if (known !== undefined) {
        schemas.set(programKey(program), known);
      }
      return known ?? undefined;
    },
    async ask(questions) {
      const open = new Map(questions.filter((question) => !verdicts.has(questionKey(question))).map((item) => [questionKey(item), item]));
      const answers = [...open.values()].slice(0, QUESTIONS_MAX).map(begin);
      for (const each of answers) {
        // Told to whoever waits; nobody may wait any more.
        each.catch(() => undefined);
      }
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        const isKnown = questions.every((question) => schemas.has(programKey(question)));
        timer = setTimeout(resolve, isKnown ? PATIENCE_MS : FIRST_PATIENCE_MS);
      });
      await Promise.race([Promise.all(answers), patience]).finally(() => clearTimeout(timer));
    },
  };
}
