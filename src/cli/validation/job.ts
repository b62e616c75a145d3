/** The work of `normcore validate` in pieces, so that its progress can be shown. */
import type { ValidationRow, ValidationSection } from '../../report/validation.js';

/** A section whose rows are yet to be made. */
export interface ValidationPlan extends Omit<ValidationSection, 'rows'> {
  readonly jobs: readonly ValidationJob[];
}

/** Makes the rows that need one run. */
export type ValidationJob = () => readonly ValidationRow[];

/** Runs what is planned, in order. */
export function runValidation(
  plans: readonly ValidationPlan[],
  onJob: (done: number, total: number) => void,
): ValidationSection[] {
  const total = plans.reduce((sum, { jobs }) => sum + jobs.length, 0);
  let done = 0;
  return plans.map(({ jobs, ...section }) => ({
    ...section,
    rows: jobs.flatMap((job) => {
      onJob(done++, total);
      return job();
    }),
  }));
}

/** Items by key, in order of first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
