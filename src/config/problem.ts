/** What can be wrong with a file that a user wrote, and how it is said. */

/** One thing that is wrong, and where. */
export interface Problem {
  /** As the user named it, or relative to the working directory; empty where no file was found. */
  readonly file: string;
  /** 1-based; 0 where the problem concerns the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Keys from the top of the file, for example `core.frequency` or `layers[3].kernel`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong, why, what is allowed. */
  readonly message: string;
}

/** `file:line:col path.to.key: what is wrong`. */
export function renderProblem(problem: Problem): string {
  if (problem.file === '') return problem.message;
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return problem.path === ''
    ? `${place}: ${problem.message}`
    : `${place} ${problem.path}: ${problem.message}`;
}

/** Thrown with everything that is wrong with a configuration, in the order of the file. The command line exits with status 2. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = sortProblems(problems);
    super(sorted.map(renderProblem).join('\n'));
    this.name = 'ConfigurationError';
    this.problems = sorted;
  }
}

function sortProblems(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map((problem) => problem.file))];
  return [...problems].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}

/** A place in a document: object keys and array indices from its top. */
export type Path = readonly (string | number)[];

/** `core.frequency`, `layers[3].kernel`. */
export function renderPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** The problem of a configuration that could not be found or read. */
export function notFound(message: string): Problem {
  return { file: '', line: 0, column: 0, path: '', message };
}
