/** Collects everything that is wrong with a command line, so that it is said in one go. */
import { ConfigurationError, notFound, type Problem } from '../config/problem.js';
import { didYouMean } from '../config/suggest.js';
import { resolveSchedule } from '../schedule/apply.js';
import { UnknownScheduleError } from '../schedule/errors.js';
import type { SchedulePass } from '../schedule/pass.js';

export class ProblemCollector {
  readonly #problems: Problem[] = [];

  /** Notes a problem of an option. */
  add(message: string): void {
    this.#problems.push(notFound(message));
  }

  /** What `load` gives; undefined, with its problems noted, where it throws a ConfigurationError. */
  attempt<T>(load: () => T): T | undefined {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.#problems.push(...error.problems);
      return undefined;
    }
  }

  /** Notes a number that is not whole or out of range. */
  checkWhole(option: string, value: number, min: number, max: number): void {
    if (!Number.isInteger(value)) this.add(`--${option}: ${value} is no whole number`);
    else if (value < min || value > max)
      this.add(`--${option}: ${value} is out of range. Allowed: ${min} to ${max}`);
  }

  /** Words of a list separated by commas, each once. */
  splitList(option: string, text: string): string[] {
    const words = text.split(',').map((word) => word.trim());
    if (words.includes('')) this.add(`--${option}: there is an empty entry in "${text}"`);
    return [...new Set(words.filter((word) => word !== ''))];
  }

  /** Notes a schedule that does not exist. */
  checkSchedule(option: string, schedule: string, userPasses: readonly SchedulePass[] = []): void {
    try {
      resolveSchedule(schedule, userPasses);
    } catch (error) {
      if (!(error instanceof UnknownScheduleError)) throw error;
      const { requested, allowed } = error;
      this.add(
        `${option}: "${requested}" is neither a schedule nor a pass.${didYouMean(requested, allowed)} Allowed: ${allowed.join(', ')}, and any joined by +`,
      );
    }
  }

  /** @throws ConfigurationError with all problems noted; nothing where there are none */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw new ConfigurationError(this.#problems);
  }
}
