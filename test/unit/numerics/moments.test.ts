import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VARIANCE_FORMS, type VarianceFormName } from '../../../src/numerics/moments/registry.js';
import { MACHINE_EPSILON, type Precision, type Real } from '../../../src/numerics/tensor-store.js';
import { normals } from './hand-made-step.js';

const NAMES = Object.keys(VARIANCE_FORMS) as VarianceFormName[];

/** Mean and variance of one channel whose parts are added by one thread each. */
function momentsOf(name: VarianceFormName, parts: readonly Real[], precision: Precision) {
  const form = VARIANCE_FORMS[name];
  const partials = parts.map((part) => {
    const accumulator = form.create(1, precision);
    accumulator.add(0, part, 0, part.length);
    return accumulator;
  });
  const { mean, variance } = form.combine(partials, precision);
  return { mean: mean[0] as number, variance: variance[0] as number };
}

/** Two passes in double precision. */
function exactMoments(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

describe.each(NAMES)('single-pass variance, %s', (name) => {
  it('equals the two-pass variance however the elements are shared among threads', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { maxLength: 30 }), {
          minLength: 1,
          maxLength: 6,
        }),
        (shares) => {
          const all = shares.flat();
          fc.pre(all.length > 0);
          const exact = exactMoments(all);
          const found = momentsOf(
            name,
            shares.map((share) => Float64Array.from(share)),
            'float64',
          );
          // Elements are at most 10 in size: the squares that cancel are at most 100 each.
          const tolerance = all.length * 100 * MACHINE_EPSILON.float64;
          expect(Math.abs(found.mean - exact.mean)).toBeLessThanOrEqual(tolerance);
          expect(Math.abs(found.variance - exact.variance)).toBeLessThanOrEqual(4 * tolerance);
        },
      ),
      { seed: 2 },
    );
  });

  it('is never negative, whatever cancels', () => {
    fc.assert(
      fc.property(
        fc.float({ min: -1e6, max: Math.fround(1e6), noNaN: true }),
        fc.float({ min: 0, max: Math.fround(1e-3), noNaN: true }),
        fc.integer({ min: 1, max: 50 }),
        (mean, spread, count) => {
          const values = Float32Array.from({ length: count }, (_, at) => mean + (at % 3) * spread);
          expect(momentsOf(name, [values], 'float32').variance).toBeGreaterThanOrEqual(0);
        },
      ),
      { seed: 3 },
    );
  });

  it('gives 0 for a constant channel and NaN where an element was never written', () => {
    expect(momentsOf(name, [new Float32Array(8).fill(3)], 'float32')).toEqual({ mean: 3, variance: 0 });
    const torn = Float32Array.of(1, Number.NaN, 2);
    expect(momentsOf(name, [torn], 'float32').variance).toBeNaN();
  });

  it('keeps channels apart', () => {
    const form = VARIANCE_FORMS[name];
    const accumulator = form.create(2, 'float64');
    accumulator.add(0, Float64Array.of(1, 3, 99), 0, 2);
    accumulator.add(1, Float64Array.of(5, 5, 11), 0, 3);
    const { mean, variance } = form.combine([accumulator], 'float64');
    expect([...mean]).toEqual([2, 7]);
    expect(variance[0]).toBeCloseTo(1, 12);
    expect(variance[1]).toBeCloseTo(8, 12);
  });
});

describe('single-pass variance against a large mean', () => {
  const count = 4096;
  const ratio = 1000;
  const values = normals(count, 'large mean', ratio, 1);
  const exact = exactMoments([...values]).variance;
  const halves = [values.subarray(0, count / 2), values.subarray(count / 2)];
  const errorOf = (name: VarianceFormName) =>
    Math.abs(momentsOf(name, halves, 'float32').variance - exact) / exact;

  it('loses digits as eps (mean / std)^2 in the plain form, and not more than the sums allow', () => {
    const predicted = MACHINE_EPSILON.float32 * ratio ** 2;
    expect(errorOf('plain')).toBeGreaterThan(predicted / 100);
    // A sum of `count` numbers errs by at most count roundings of the largest partial sum.
    expect(errorOf('plain')).toBeLessThan(count * predicted);
  });

  it('keeps the shifted and the Welford form within eps (mean / std) per element', () => {
    const bound = MACHINE_EPSILON.float32 * ratio * Math.sqrt(count);
    expect(errorOf('shifted')).toBeLessThan(bound);
    expect(errorOf('welford')).toBeLessThan(bound);
  });

  it('ranks the forms as their error terms do', () => {
    expect(errorOf('welford')).toBeLessThan(errorOf('plain') / 10);
    expect(errorOf('shifted')).toBeLessThan(errorOf('plain') / 10);
  });
});
