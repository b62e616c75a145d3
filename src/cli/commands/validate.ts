import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { failuresOf, renderValidation } from '../../report/validation.js';
import { CheckFailure, type CliContext, type CreateCommand } from '../command.js';
import { ProblemCollector } from '../problems.js';
import { createProgress } from '../progress.js';
import { checkResultFile, writeResultFile } from '../result-file.js';
import { renderTable } from '../table.js';
import { planCaches } from '../validation/caches.js';
import { planClosedForms, planReferenceForms } from '../validation/closed-forms.js';
import { createReferenceChannel, planLatency, planSaturated } from '../validation/dram.js';
import { runValidation } from '../validation/job.js';
import { planMicroKernels } from '../validation/micro-kernels.js';
import { planTimedCaches } from '../validation/timed-caches.js';

interface ValidateArguments extends Readonly<Record<string, unknown>> {
  readonly out: string;
  readonly check: boolean;
  readonly quiet: boolean;
}

/** `normcore validate`: every row of the reference results again, and every closed form. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'validate',
  describe: 'hold caches, cores and DRAM to the results of other simulators and to closed forms',
  builder: (parser: Argv) =>
    parser
      .option('out', {
        describe: 'Markdown page to write: every reference row, ours beside it, pass or fail',
        type: 'string',
        default: 'docs/validation.md',
        requiresArg: true,
      })
      .option('check', {
        describe: 'write nothing; exit status 1 unless the page says what the runs give',
        type: 'boolean',
        default: false,
      })
      .option('quiet', { describe: 'no progress', type: 'boolean', default: false })
      .example('$0 validate', 'run every row and write docs/validation.md')
      .example('$0 validate --check', 'whether docs/validation.md is up to date')
      .epilogue(
        'Exit status 1 if a row is out of tolerance. The reference rows are part of the package.',
      ) as never,
  handler: ((argv: ValidateArguments) => validate(context, argv)) as never,
});

/** @throws CheckFailure for rows out of tolerance, and with `--check` for a page that is not what the runs give */
function validate(context: CliContext, { out, check, quiet }: ValidateArguments): void {
  const problems = new ProblemCollector();
  const before = check ? readPage(problems, out) : undefined;
  if (!check) checkResultFile(problems, 'out', out);
  problems.throwIfAny();

  const channel = createReferenceChannel();
  const plans = [
    planCaches(),
    planTimedCaches(),
    planSaturated(channel),
    planLatency(channel),
    planReferenceForms(channel),
    planClosedForms(),
    planMicroKernels(),
  ];
  const display = createProgress(context, quiet);
  const sections = runValidation(plans, (done, total) =>
    display.update({ share: done / total, pointsDone: done, points: total }),
  );
  display.stop();

  const page = renderValidation(sections);
  if (!check) writeResultFile(out, page);
  const rows = sections.map(({ title, rows }) => [
    title,
    String(rows.length),
    String(rows.filter(({ passed }) => passed).length),
  ]);
  context.out(renderTable([['section', 'rows', 'within tolerance'], ...rows], ['left', 'right', 'right']));
  if (!check) context.out(`\nevery row: ${out}\n`);

  const failures = failuresOf(sections);
  if (failures.length > 0)
    throw new CheckFailure(
      `${failures.length} ${failures.length === 1 ? 'row is' : 'rows are'} out of tolerance\n${failures.join('\n')}`,
    );
  if (check && before !== page)
    throw new CheckFailure(
      `${out} is not what the runs give; write it again: normcore validate --out ${out}`,
    );
}

function readPage(problems: ProblemCollector, path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    problems.add(`--out: ${path} cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}
