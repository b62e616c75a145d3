import { join } from 'node:path';
import type { Argv } from 'yargs';
import { didYouMean } from '../../config/suggest.js';
import type { Figure, FigureContent } from '../../report/figures/figure.js';
import { FIGURES } from '../../report/figures/registry.js';
import { FIGURE_ENDINGS, renderFigure } from '../../report/figures/render-figure.js';
import { renderTextTable } from '../../report/text-table.js';
import { FolderBusyError } from '../../sweep/lock.js';
import { defaultWorkers } from '../../sweep/pool.js';
import { CheckFailure, type CliContext, type CreateCommand, Interrupted, UserError } from '../command.js';
import {
  type FigureDataOptions,
  measureEdge,
  requestedPoints,
  requestName,
  type SimulatedPoints,
  simulateRequests,
  simulateSweep,
} from '../figure-data.js';
import { ProblemCollector } from '../problems.js';
import { createProgress } from '../progress.js';
import { checkResultFile, writeResultFile } from '../result-file.js';
import { LARGEST_WORKERS } from './run.js';

interface FiguresArguments {
  readonly names: readonly string[];
  readonly out: string;
  readonly workers: number;
  readonly quiet: boolean;
  readonly list: boolean;
}

/** The command for a set of figures; tests give their own. */
export function figuresCommand(figures: readonly Figure[]): CreateCommand {
  return (context: CliContext) => ({
    command: 'figures [names..]',
    describe: 'draw figures from simulations, as SVG and PNG with their CSV and vega-lite specification',
    builder: (parser: Argv) =>
      parser
        .positional('names', {
          describe: 'figures (see --list); without a name, all of them',
          type: 'string',
          array: true,
          default: [],
        })
        .option('out', {
          describe: 'folder for the figures; it also keeps what was simulated for them',
          type: 'string',
          requiresArg: true,
          default: 'results/figures',
        })
        .option('workers', {
          describe: 'parts of points simulated side by side; the figures do not depend on it',
          type: 'number',
          default: defaultWorkers(),
          defaultDescription: 'as many as the host runs at once',
        })
        .option('quiet', { describe: 'no progress', type: 'boolean', default: false })
        .option('list', {
          describe: 'print what figures there are, and draw none',
          type: 'boolean',
          default: false,
        })
        .example('$0 figures --list', 'what there is')
        .example('$0 figures time-by-schedule roofline', 'two of them, into results/figures')
        .epilogue(
          'Points are simulated once and kept in --out; those of a sweep are kept where normcore sweep keeps them. Exit status 1 if a point failed. Ctrl-C stops; the same command goes on. See docs/figures.md.',
        ) as never,
    handler: (async (argv: FiguresArguments) => {
      const wanted = selectFigures(figures, argv);
      if (argv.list) context.out(listFigures(wanted));
      else await drawFigures(context, wanted, argv);
    }) as never,
  });
}

/** `normcore figures`. */
export const createCommand: CreateCommand = figuresCommand(FIGURES);

/** @throws ConfigurationError with all problems of all options */
function selectFigures(
  figures: readonly Figure[],
  { names, out, workers }: FiguresArguments,
): readonly Figure[] {
  const problems = new ProblemCollector();
  const known = figures.map(({ name }) => name);
  for (const name of new Set(names)) {
    if (!known.includes(name))
      problems.add(`there is no figure "${name}".${didYouMean(name, known)} Figures: ${known.join(', ')}`);
  }
  problems.checkWhole('workers', workers, 1, LARGEST_WORKERS);
  for (const ending of FIGURE_ENDINGS) checkResultFile(problems, 'out', join(out, `figure.${ending}`));
  problems.throwIfAny();
  return names.length === 0 ? figures : figures.filter(({ name }) => names.includes(name));
}

function listFigures(figures: readonly Figure[]): string {
  return renderTextTable(
    [
      { header: 'figure', align: 'left' },
      { header: 'drawn from', align: 'left' },
      { header: 'shows', align: 'left' },
    ],
    figures.map((figure) => [figure.name, describeSource(figure), figure.summary]),
  );
}

function describeSource(figure: Figure): string {
  if (figure.source === 'points') return `${figure.points.length} points`;
  return figure.source === 'sweep' ? `sweep ${figure.sweep}` : 'an edge';
}

/** Simulates and draws until done or stopped. @throws Interrupted, UserError, CheckFailure where a point failed */
async function drawFigures(
  context: CliContext,
  figures: readonly Figure[],
  { out, workers, quiet }: FiguresArguments,
): Promise<void> {
  const controller = new AbortController();
  const interrupt = (): void =>
    controller.abort(new Interrupted('stopped; the same command goes on from here'));
  process.once('SIGINT', interrupt);
  const say = (sentence: string): void => context.err(`normcore: ${sentence}\n`);
  const withProgress = async <T>(run: (options: FigureDataOptions) => Promise<T>): Promise<T> => {
    const progress = createProgress(context, quiet);
    try {
      return await run({
        out,
        workers,
        onProgress: (state) => progress.update(state),
        onMessage: quiet ? () => {} : say,
        signal: controller.signal,
      });
    } finally {
      progress.stop();
    }
  };
  try {
    const requested = requestedPoints(figures);
    const points = await withProgress((options) => simulateRequests(requested, options));
    const failures: string[] = [];
    for (const figure of figures) {
      const { content, failed } = await withProgress((options) => contentOf(figure, points, options));
      failures.push(...failed.map((failure) => `${figure.name}: ${failure}`));
      if (content === null) continue;
      const files = await renderFigure(figure.name, content);
      controller.signal.throwIfAborted();
      for (const [name, bytes] of Object.entries(files)) writeResultFile(join(out, name), bytes);
      context.out(`${join(out, figure.name)}.{${FIGURE_ENDINGS.join(',')}}\n`);
    }
    if (failures.length > 0) throw new CheckFailure(`points failed:\n${failures.join('\n')}`);
  } catch (error) {
    if (error instanceof FolderBusyError) throw new UserError(error.message);
    if (error instanceof Error && 'syscall' in error)
      throw new UserError(`results cannot be kept: ${error.message}`);
    throw error;
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

/** A figure's content, or null where it lacks a point that it cannot do without; and which points failed. */
async function contentOf(
  figure: Figure,
  simulated: ReadonlyMap<string, SimulatedPoints>,
  options: FigureDataOptions,
): Promise<{ readonly content: FigureContent | null; readonly failed: readonly string[] }> {
  if (figure.source === 'edge') {
    return { content: figure.draw(await measureEdge(figure.edge, options), figure.edge), failed: [] };
  }
  if (figure.source === 'sweep') {
    const { points, failures } = await simulateSweep(figure.sweep, options);
    return { content: points.length === 0 ? null : figure.draw(points), failed: failures };
  }
  const own = figure.points.map((request) => simulated.get(requestName(request)) as SimulatedPoints);
  const failed = own.flatMap(({ failures }) => failures);
  return { content: failed.length > 0 ? null : figure.draw(own.flatMap(({ points }) => points)), failed };
}
