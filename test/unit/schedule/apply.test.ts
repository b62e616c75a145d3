import { describe, expect, it } from 'vitest';
import { applyPass, applySchedule, resolveSchedule } from '../../../src/schedule/apply.js';
import { ScheduleError, UnknownScheduleError } from '../../../src/schedule/errors.js';
import type { SchedulePass } from '../../../src/schedule/pass.js';
import { NAMED_SCHEDULES, SCHEDULE_PASSES } from '../../../src/schedule/registry.js';
import { StepEditor } from '../../../src/schedule/step-editor.js';
import type { TrainingStep } from '../../../src/training/step.js';
import { EDGE, stepOf } from './steps.js';

const userPass = (apply: SchedulePass['apply']): SchedulePass => ({
  name: 'mine',
  summary: 'A pass of the user.',
  requires: [],
  ensures: [],
  apply,
});

function refusal(run: () => unknown): ScheduleError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ScheduleError);
    return error as ScheduleError;
  }
  throw new Error('was not refused');
}

describe('applySchedule', () => {
  it('returns the baseline as it is', () => {
    const step = stepOf(EDGE);
    expect(applySchedule(step, 'baseline')).toEqual(step);
    expect(applySchedule(step, []).schedule).toBe('baseline');
    expect(applySchedule(applySchedule(step, 'rcf'), 'baseline').schedule).toBe('rcf');
  });

  it('names the step after the schedule', () => {
    expect(applySchedule(stepOf(EDGE), 'bnff').schedule).toBe('bnff');
    expect(applySchedule(stepOf(EDGE), ['rcf', 'mvf']).schedule).toBe('rcf+mvf');
  });

  it('takes a name, names joined by + and a list alike', () => {
    const { operations } = applySchedule(stepOf(EDGE), 'bnff');
    const list = NAMED_SCHEDULES.find(({ name }) => name === 'bnff')?.passes as readonly string[];
    expect(applySchedule(stepOf(EDGE), list).operations).toEqual(operations);
    expect(applySchedule(stepOf(EDGE), list.join('+')).operations).toEqual(operations);
  });

  it('goes on from a step that passes have been applied to', () => {
    const halfway = applySchedule(stepOf(EDGE), 'rcf+mvf');
    const rest = ['fission', 'fuse-statistics', 'fuse-normalise', 'fuse-gradient'];
    const step = applySchedule(halfway, rest);
    expect(step.operations).toEqual(applySchedule(stepOf(EDGE), 'bnff').operations);
    expect(step.schedule).toBe(['rcf+mvf', ...rest].join('+'));
  });

  it('does not change the step that it is given', () => {
    const step = stepOf(EDGE);
    const before = structuredClone(step);
    applySchedule(step, 'bnff+icf');
    expect(step).toEqual(before);
  });

  it('finds nothing more to do when a pass is applied again', () => {
    for (const pass of SCHEDULE_PASSES) {
      const once = applySchedule(stepOf(EDGE), ['rcf', 'mvf', 'fission', pass.name]);
      expect(applyPass(once, pass)).toEqual({ ...once, schedule: once.schedule });
    }
  });

  it('refuses an unknown name and says what there is', () => {
    expect(() => applySchedule(stepOf(EDGE), 'bnf')).toThrow(UnknownScheduleError);
    expect(() => applySchedule(stepOf(EDGE), ['rcf', 'no-such-pass'])).toThrow(
      /"no-such-pass".*baseline.*fuse-statistics/s,
    );
  });

  it('has schedules whose members all exist', () => {
    for (const { name, passes } of NAMED_SCHEDULES) {
      expect(resolveSchedule(name)).toHaveLength(passes.length);
    }
  });
});

describe('pre-conditions', () => {
  it('refuse fusing halves that are not split', () => {
    for (const name of ['fuse-statistics', 'fuse-normalise', 'fuse-gradient', 'icf']) {
      const error = refusal(() => applySchedule(stepOf(EDGE), ['rcf', 'mvf', name]));
      expect(error.pass).toBe(name);
      expect(error.message).toMatch(/fission/);
    }
  });

  it('refuse letting a two-pass variance ride on a CONV', () => {
    const error = refusal(() => applySchedule(stepOf(EDGE), ['fission', 'fuse-statistics']));
    expect(error.violations[0]).toMatchObject({ rule: 'requires', operation: 'bn.statistics', tensor: 'a' });
    expect(error.message).toMatch(/mvf/);
  });

  it('refuse normalising in a CONV behind a ReLU that is still there', () => {
    const error = refusal(() => applySchedule(stepOf(EDGE), ['mvf', 'fission', 'fuse-normalise']));
    expect(error.violations[0]).toMatchObject({ rule: 'requires', operation: 'relu.forward' });
    expect(error.message).toMatch(/rcf/);
  });
});

describe("a user's pass", () => {
  it('is applied by name, among those shipped', () => {
    const renamed = userPass((step) => {
      const editor = new StepEditor(step);
      for (const operation of step.operations) {
        if (operation.kind === 'conv-forward')
          editor.update(operation, (conv) => ({ ...conv, name: `${conv.layer}.mine` }));
      }
      return editor.finish();
    });
    const step = applySchedule(stepOf(EDGE), ['rcf', 'mine', 'mvf'], {}, [renamed]);
    expect(step.operations[0]?.name).toBe('first.mine');
  });

  it('is refused where it drops an operation whose result is read', () => {
    const drop = userPass((step: TrainingStep) => ({
      ...step,
      operations: step.operations.filter((operation) => operation.name !== 'relu.forward'),
    }));
    const error = refusal(() => applySchedule(stepOf(EDGE), ['mine'], {}, [drop]));
    expect(error.pass).toBe('mine');
    expect(error.violations[0]).toMatchObject({
      rule: 'read-before-write',
      operation: 'b.forward',
      tensor: 'relu',
    });
  });

  it('is refused where its own post-condition does not hold', () => {
    const pass: SchedulePass = {
      ...userPass((step) => step),
      ensures: [
        {
          sentence: 'There is no BN.',
          violations: () => [{ operation: 'bn.forward', tensor: null, message: 'BN is left.' }],
        },
      ],
    };
    expect(refusal(() => applyPass(stepOf(EDGE), pass)).message).toContain('BN is left.');
  });

  it('is refused where it loses an update or the loss', () => {
    for (const kind of ['update', 'softmax-loss-forward'] as const) {
      const drop = userPass((step) => ({
        ...step,
        operations: step.operations.filter((operation) => operation.kind !== kind),
      }));
      expect(refusal(() => applyPass(stepOf(EDGE), drop)).message).toContain('is lost');
    }
  });

  it('cannot take a name in use, nor one with a +', () => {
    expect(() => resolveSchedule('rcf', [{ ...userPass((step) => step), name: 'bnff' }])).toThrow(RangeError);
    expect(() => resolveSchedule('rcf', [{ ...userPass((step) => step), name: 'a+b' }])).toThrow(RangeError);
  });
});
