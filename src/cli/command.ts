/** The contract between the command line and a command. */
import type { CommandModule } from 'yargs';

/** What a command may touch of the world; tests give their own. */
export interface CliContext {
  /** Results: standard output, and nothing but results. */
  readonly out: (text: string) => void;
  /** Progress and messages: standard error. */
  readonly err: (text: string) => void;
  /** Columns of the terminal. */
  readonly columns: number;
}

/** A command's file exports `createCommand`: options, examples and a handler, which throws what went wrong. */
// biome-ignore lint/complexity/noBannedTypes: yargs' own type of a command without options above it.
export type CreateCommand = (context: CliContext) => CommandModule<{}, never>;

/** A line of the registry: enough for the list of commands; the rest is loaded when the command is used. */
export interface CommandEntry {
  /** One line for `--help`. */
  readonly summary: string;
  readonly load: () => Promise<{ readonly createCommand: CreateCommand }>;
  /** Runs when no command is given. One command at most. */
  readonly isDefault?: boolean;
}

export type CommandRegistry = Readonly<Record<string, CommandEntry>>;

/** Exit status of the process. */
export const ExitStatus = {
  Ok: 0,
  /** A check that was asked for failed; the message says which. */
  CheckFailed: 1,
  /** The user's mistake: a wrong option, a file that is missing or wrong. */
  UserError: 2,
  /** Our mistake. */
  InternalError: 70,
  /** Ctrl-C, as shells report it: 128 + SIGINT. */
  Interrupted: 130,
} as const;

/** A mistake of the user that is no configuration problem: said in one sentence, exit status 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** A check that did not hold: said in one sentence, exit status 1. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
}

/** The user stopped the command: exit status 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
