/** Applies passes to a training step, each between its checked pre- and post-conditions. */
import type { TrainingStep } from '../training/step.js';
import { checkStep, externalTensors, findLosses, findViolations } from './check.js';
import { ScheduleError, UnknownScheduleError, type Violation } from './errors.js';
import { type Condition, DEFAULT_SCHEDULE_OPTIONS, type ScheduleOptions, type SchedulePass } from './pass.js';
import { NAMED_SCHEDULES, SCHEDULE_PASSES } from './registry.js';

/**
 * Applies one pass and checks it.
 * @throws ScheduleError where a pre-condition does not hold, or the result breaks a post-condition or a rule of legality
 */
export function applyPass(
  step: TrainingStep,
  pass: SchedulePass,
  options: Partial<ScheduleOptions> = {},
): TrainingStep {
  refuse(pass, broken('requires', pass.requires, step));
  const result = pass.apply(step, { ...DEFAULT_SCHEDULE_OPTIONS, ...options });
  refuse(pass, [...findLosses(step, result), ...findViolations(result, externalTensors(step))]);
  refuse(pass, broken('ensures', pass.ensures, result));
  return result;
}

/**
 * Applies a schedule.
 *
 * @param step a baseline training step, or one that passes have been applied to already
 * @param schedule name of a schedule or of a pass, several joined by `+` (`rcf+mvf+fission`), or a list of such names
 * @param options choices that docs/paper.md leaves open; the rest takes `DEFAULT_SCHEDULE_OPTIONS`
 * @param userPasses passes that may be named beside those shipped
 * @returns the rewritten step, whose `schedule` is the name, or the list's names joined by `+`
 * @throws UnknownScheduleError for a name that is neither
 * @throws ScheduleError where the step itself, or a pass on it, breaks a rule
 */
export function applySchedule(
  step: TrainingStep,
  schedule: string | readonly string[],
  options: Partial<ScheduleOptions> = {},
  userPasses: readonly SchedulePass[] = [],
): TrainingStep {
  const passes = resolveSchedule(schedule, userPasses);
  checkStep(step);
  const result = passes.reduce((current, pass) => applyPass(current, pass, options), step);
  const name = typeof schedule === 'string' ? schedule : schedule.join('+');
  const applied = [step.schedule, name].filter((each) => each !== 'baseline' && each !== '');
  return { ...result, schedule: applied.join('+') || 'baseline' };
}

/**
 * The passes that a schedule stands for, in order.
 * @throws UnknownScheduleError for a name that is neither a schedule nor a pass
 * @throws RangeError for a user's pass that takes a name already in use, or one with a `+`
 */
export function resolveSchedule(
  schedule: string | readonly string[],
  userPasses: readonly SchedulePass[] = [],
): readonly SchedulePass[] {
  const passes = new Map(SCHEDULE_PASSES.map((pass) => [pass.name, pass]));
  const schedules = new Map(NAMED_SCHEDULES.map((named) => [named.name, named.passes]));
  for (const pass of userPasses) {
    const { name } = pass;
    if (name.includes('+')) throw new RangeError(`a pass cannot be named "${name}": "+" joins names`);
    if (passes.has(name) || schedules.has(name))
      throw new RangeError(`there is a pass or schedule named "${name}" already`);
    passes.set(name, pass);
  }
  const allowed = [...new Set([...schedules.keys(), ...passes.keys()])];
  const expand = (name: string): readonly SchedulePass[] => {
    const members = schedules.get(name);
    if (members) return members.map((member) => passes.get(member) as SchedulePass);
    const pass = passes.get(name);
    if (pass) return [pass];
    if (name.includes('+')) return name.split('+').flatMap(expand);
    throw new UnknownScheduleError(name, allowed);
  };
  return (typeof schedule === 'string' ? [schedule] : schedule).flatMap(expand);
}

function broken(
  rule: 'requires' | 'ensures',
  conditions: readonly Condition[],
  step: TrainingStep,
): readonly Violation[] {
  return conditions.flatMap((condition) =>
    condition.violations(step).map((finding) => ({ ...finding, rule })),
  );
}

function refuse(pass: SchedulePass, violations: readonly Violation[]): void {
  if (violations.length > 0) throw new ScheduleError(pass.name, violations);
}
