/** From arguments to an exit status: parsing, help, suggestions, and what is said when something goes wrong. */
import yargs, { type Argv } from 'yargs';
import { ConfigurationError } from '../config/problem.js';
import { didYouMean } from '../config/suggest.js';
import {
  CheckFailure,
  type CliContext,
  type CommandRegistry,
  ExitStatus,
  Interrupted,
  UserError,
} from './command.js';
import { commands } from './registry.js';
import { packageVersion } from './version.js';

/** Options that need no command. */
const OWN_OPTIONS = new Set(['--help', '-h', '--version']);

/** Where a defect is to be reported. */
const REPORT_TO = "the project's issue tracker";

/**
 * Runs the command line.
 * @param argv arguments without interpreter and script
 * @returns the exit status (see `ExitStatus`)
 */
export async function runCli(
  argv: readonly string[],
  context: CliContext,
  registry: CommandRegistry = commands,
): Promise<number> {
  try {
    await dispatch(argv, context, registry);
    return ExitStatus.Ok;
  } catch (error) {
    return explain(error, argv, context);
  }
}

async function dispatch(
  argv: readonly string[],
  context: CliContext,
  registry: CommandRegistry,
): Promise<void> {
  const names = Object.keys(registry);
  // `npm start -- --workers 1` means an option of the default command.
  const isDefault = argv.length === 0 || (argv[0]?.startsWith('-') === true && !OWN_OPTIONS.has(argv[0]));
  const given = [...(isDefault ? names.filter((name) => registry[name]?.isDefault) : []), ...argv];
  const word = given.find((argument) => !argument.startsWith('-'));
  if (word !== undefined && !Object.hasOwn(registry, word)) {
    throw new UserError(
      `there is no command "${word}".${didYouMean(word, names)} Commands: ${names.join(', ')}. See: normcore --help`,
    );
  }

  const parser: Argv = yargs([...given])
    .scriptName('normcore')
    .usage('$0 <command> [options]')
    .locale('en')
    .version(packageVersion())
    .help()
    .alias('help', 'h')
    .strict()
    .check((values): true => refuseSurprises(values, given, optionsOf(parser)))
    .showHelpOnFail(false)
    .exitProcess(false)
    .wrap(Math.min(context.columns, 110));
  for (const [name, entry] of Object.entries(registry)) {
    // Only the command in use is loaded, so that the others cost no start-up time.
    if (name === word) parser.command((await entry.load()).createCommand(context));
    else parser.command(name, entry.summary);
  }
  if (word === undefined)
    parser
      .example('$0 machine show skylake-sp-2s', 'a machine, with units')
      .epilogue('Options of a command: $0 <command> --help');

  let failure: unknown;
  parser.fail((message, error) => {
    failure ??= error ?? new UserError(message);
    throw failure;
  });
  let printed = '';
  try {
    await parser.parseAsync([...given], {}, (_error: unknown, _argv: unknown, output: string) => {
      printed = output;
    });
  } catch (error) {
    failure ??= error;
  }
  if (failure instanceof UserError || isUsageError(failure))
    throw await rephrase(failure as Error, parser, given);
  if (failure !== undefined) throw failure;
  if (printed !== '') context.out(`${printed}\n`);
  else if (word === undefined)
    throw new UserError(`a command is expected. Commands: ${names.join(', ')}. See: normcore --help`);
}

/** Refuses what yargs lets through: NaN where a number was wanted, the list that it makes of an option given twice, and the default that it gives to an option without its value. */
function refuseSurprises(
  argv: Readonly<Record<string, unknown>>,
  typed: readonly string[],
  { array: lists, string, number }: ParserOptions,
): true {
  const valued = new Set([...string, ...number].map(toKebab));
  typed.forEach((word, at) => {
    const name = toKebab(word.slice(2));
    const next = typed[at + 1];
    const isMissing = next === undefined || /^-(?!\d|\.\d)/.test(next);
    if (word.startsWith('--') && valued.has(name) && isMissing)
      throw new UserError(`--${name}: a value is expected`);
  });
  for (const [key, value] of Object.entries(argv)) {
    if (key === '_' || key === '$0') continue;
    const items: unknown[] = Array.isArray(value) ? value : [value];
    if (items.some((item) => Number.isNaN(item))) throw new UserError(`--${key}: a number is expected`);
    if (Array.isArray(value) && !lists.includes(key)) throw new UserError(`--${toKebab(key)} is given twice`);
  }
  return true;
}

/** Names of options and positionals: those that take several values, and by type. */
interface ParserOptions {
  readonly array: readonly string[];
  readonly string: readonly string[];
  readonly number: readonly string[];
}

/** Yargs keeps them where its types do not show it. */
function optionsOf(parser: Argv): ParserOptions {
  return (parser as unknown as { getOptions(): ParserOptions }).getOptions();
}

function isUsageError(error: unknown): boolean {
  return error instanceof Error && error.name === 'YError';
}

/** Says what yargs found wrong in our words, with what the command's own help knows. */
async function rephrase(error: Error, parser: Argv, argv: readonly string[]): Promise<UserError> {
  const help = await parser.getHelp().catch(() => '');
  const usage = help.split('\n', 1)[0] as string;
  const see = `See: ${commandPath(usage)} --help`;
  if (error.message.startsWith('Not enough non-option arguments'))
    return new UserError(`an argument is missing: ${usage}\n${see}`);
  const bare = /^Not enough arguments following: ([\w-]+)$/.exec(error.message);
  if (bare !== null) return new UserError(`--${toKebab(bare[1] as string)}: a value is expected`);
  const choices = /Argument: ([\w-]+), Given: (.+), Choices: (.+)/.exec(error.message);
  if (choices !== null) {
    const [given, words] = [choices[2] as string, choices[3] as string].map((list) =>
      [...list.matchAll(/"([^"]*)"/g)].map((found) => found[1] as string),
    );
    const wrong = given?.find((word) => !words?.includes(word)) ?? '';
    return new UserError(
      `${choices[1]} "${wrong}" is unknown.${didYouMean(wrong, words ?? [])} Allowed: ${words?.join(', ')}`,
    );
  }
  const unknown = /^Unknown (?:arguments?|commands?): (.+)$/.exec(error.message);
  if (unknown === null) return new UserError(error.message);
  const words = new Set((unknown[1] as string).split(', ').map(toKebab));
  const typed = new Set(
    argv
      .filter((argument) => argument.startsWith('-'))
      .map((argument) => toKebab(argument.replace(/^-+(?:no-)?/, '').replace(/=.*/s, ''))),
  );
  const options = new Set(
    [...help.matchAll(/(?<![\w-])--([a-z][\w-]*)/g)].map((found) => found[1] as string),
  );
  const subcommands = [
    ...(help.split('\nOptions:', 1)[0] as string).matchAll(
      /^ {2}normcore (?:[a-z][a-z-]* )*?([a-z][a-z-]*)(?= {2,}| [<[])/gm,
    ),
  ].map((found) => found[1] as string);
  const lines = [...words].map((word) => {
    if (typed.has(word))
      return `there is no option --${word}.${didYouMean(word, options).replace('"', '"--')}`;
    if (subcommands.length > 0)
      return `there is no command "${word}".${didYouMean(word, subcommands)} Commands: ${subcommands.join(', ')}`;
    return `"${word}" is not expected`;
  });
  return new UserError(`${lines.join('\n')}\n${see}`);
}

/** `normcore machine show` of `normcore machine show <machine>`. */
function commandPath(usage: string): string {
  return usage.replace(/\s*[<[].*$/, '');
}

function toKebab(word: string): string {
  return word.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Says what went wrong: one sentence for a mistake of the user's, everything that helps for one of ours. */
function explain(error: unknown, argv: readonly string[], context: CliContext): number {
  if (error instanceof ConfigurationError) {
    const count = error.problems.length;
    context.err(`${error.message}\n${count > 1 ? `${count} problems\n` : ''}`);
    return ExitStatus.UserError;
  }
  if (error instanceof UserError) {
    context.err(`normcore: ${error.message}\n`);
    return ExitStatus.UserError;
  }
  if (error instanceof CheckFailure) {
    context.err(`normcore: ${error.message}\n`);
    return ExitStatus.CheckFailed;
  }
  if (error instanceof Interrupted) {
    context.err(`normcore: ${error.message}\n`);
    return ExitStatus.Interrupted;
  }
  context.err(describeDefect(error, argv));
  return ExitStatus.InternalError;
}

/** What is said when Normcore itself is wrong: everything that a report needs. */
export function describeDefect(error: unknown, argv: readonly string[]): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return (
    `normcore: this is a defect of Normcore, not of your input. Please report it to ${REPORT_TO} with the lines below.\n` +
    `normcore ${packageVersion()}, Node ${process.version}, ${process.platform} ${process.arch}\n` +
    `arguments: ${JSON.stringify(argv)}\n${stack}\n`
  );
}
