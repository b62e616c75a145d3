import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { featureTraffic } from '../../../src/bound/sweeps.js';
import { compareWith } from '../../../src/numerics/compare.js';
import { executeReference } from '../../../src/numerics/reference.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { findViolations } from '../../../src/schedule/check.js';
import { ScheduleError } from '../../../src/schedule/errors.js';
import { SCHEDULE_PASSES } from '../../../src/schedule/registry.js';
import type { TrainingStep } from '../../../src/training/step.js';
import { stepOf } from './steps.js';

const SEED = 20180705;

/** One more layer: its kind, and which earlier output (counted back) it takes. */
const layer = fc.record({
  kind: fc.constantFrom(
    'conv',
    'bn',
    'bn',
    'relu',
    'relu',
    'sum',
    'concat',
    'concat',
    'bn-relu-conv',
    'dropout',
  ),
  back: fc.nat({ max: 3 }),
});

/** A random graph of such layers; whatever nothing reads in the end goes through a CONV into a sum before the classifier. */
const network = fc
  .record({
    layers: fc.array(layer, { minLength: 1, maxLength: 12 }),
    fuseBnRelu: fc.boolean(),
    copySumGradients: fc.boolean(),
  })
  .map(({ layers, ...options }) => {
    const lines: string[] = [];
    const outputs: { readonly name: string; readonly type: string; readonly channels: number }[] = [];
    const unread = new Set<string>();
    type Output = (typeof outputs)[number];
    const add = (type: string, from: readonly Output[], channels: number, rest = ''): Output => {
      const output = { name: `l${lines.length}`, type, channels };
      const inputs = from.length > 0 ? `, from: [${from.map(({ name }) => name).join(', ')}]` : '';
      lines.push(`  - {type: ${type}, name: ${output.name}${inputs}${rest}}`);
      for (const { name } of from) unread.delete(name);
      unread.add(output.name);
      outputs.push(output);
      return output;
    };
    const conv = (...from: Output[]) => add('conv', from, 32, ', channels: 32, kernel: 3, pad: 1');
    conv();
    for (const { kind, back } of layers) {
      const last = outputs.at(-1) as Output;
      const input = outputs.at(-1 - Math.min(back, outputs.length - 1)) as Output;
      const { channels } = input;
      if (kind === 'conv') conv(input);
      else if (kind === 'bn-relu-conv') conv(add('relu', [add('bn', [input], channels)], channels));
      else if (kind === 'sum') {
        if (input !== last && channels === last.channels) add('sum', [input, last], channels);
      } else if (kind === 'concat') {
        if (input !== last) add('concat', [input, last], channels + last.channels);
      } else add(kind, [input], channels);
    }
    const ends = outputs.filter(({ name }) => unread.has(name)).map((output) => conv(output));
    if (ends.length > 1) add('sum', ends, 32);
    lines.push('  - {type: global-pool, name: pool}');
    lines.push('  - {type: fc, name: classes, channels: 10}', '  - {type: softmax-loss, name: loss}');
    return { text: lines.join('\n'), options };
  });

const bytes = (step: TrainingStep) => {
  const { forward, backward } = featureTraffic(step, { bnBlocking: 'streaming' });
  return forward.readBytes + forward.writeBytes + backward.readBytes + backward.writeBytes;
};

describe('on any network', () => {
  it('every schedule is legal and moves no more than the one before it', () => {
    fc.assert(
      fc.property(network, fc.boolean(), ({ text, options }, materialiseDx) => {
        const step = stepOf(text, options);
        let before = Number.POSITIVE_INFINITY;
        for (const schedule of ['baseline', 'rcf', 'rcf+mvf', 'bnff', 'bnff+icf']) {
          const after = applySchedule(step, schedule, { materialiseDx });
          expect(findViolations(after)).toEqual([]);
          expect(bytes(after)).toBeLessThanOrEqual(before);
          before = bytes(after);
        }
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('any list of passes gives a legal step or is refused with the operation named', () => {
    const list = fc.array(fc.constantFrom(...SCHEDULE_PASSES.map(({ name }) => name)), { maxLength: 8 });
    fc.assert(
      fc.property(network, list, fc.boolean(), ({ text, options }, passes, storeZ) => {
        const step = stepOf(text, options);
        try {
          const after = applySchedule(step, passes, { storeZ });
          expect(findViolations(after)).toEqual([]);
        } catch (error) {
          expect(error).toBeInstanceOf(ScheduleError);
          for (const violation of (error as ScheduleError).violations) {
            // Only stated pre-conditions refuse: no shipped pass makes an illegal step.
            expect(violation.rule).toBe('requires');
            expect(violation.message).toContain(violation.operation);
          }
        }
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('computes every parameter gradient of the baseline', () => {
    const gradients = (step: TrainingStep) =>
      [...step.tensors.values()].filter(({ role }) => role === 'parameter-gradient').map(({ name }) => name);
    fc.assert(
      fc.property(network, ({ text, options }) => {
        const step = stepOf(text, options);
        expect(gradients(applySchedule(step, 'bnff+icf'))).toEqual(gradients(step));
      }),
      { seed: SEED, numRuns: 50 },
    );
  });

  it('computes the same numbers as the baseline', () => {
    fc.assert(
      fc.property(network, fc.boolean(), fc.boolean(), ({ text, options }, storeZ, materialiseDx) => {
        const step = stepOf(text, options);
        const reference = executeReference(step);
        for (const schedule of ['rcf', 'rcf+mvf', 'bnff', 'bnff+icf']) {
          const { tensors } = compareWith(
            reference,
            applySchedule(step, schedule, { storeZ, materialiseDx }),
          );
          expect(tensors.filter(({ passed }) => !passed)).toEqual([]);
        }
      }),
      { seed: SEED, numRuns: 8 },
    );
  });
});
