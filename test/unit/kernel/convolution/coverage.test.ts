import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import {
  convFlops,
  DIRECTIONS,
  lowerCase,
  makeContext,
  SHAPES,
  SKYLAKE,
  SOFTWARE,
  TEACHING,
} from './cases.js';

describe.each(Object.entries(SHAPES))('a %s convolution', (_name, shape) => {
  const directions = shape.planar
    ? DIRECTIONS.filter((direction) => direction !== 'backward-data')
    : DIRECTIONS;

  describe.each(directions)('%s', (direction) => {
    it.each([1, 3, 64])('reads what it needs and writes its output whole, on %i threads', (threads) => {
      const target = { ...SKYLAKE, threads, totalThreads: threads };
      const kernel = lowerCase(shape, direction, makeContext(shape, target));
      expect(checkKernel(kernel, threads, { accumulates: true })).toEqual([]);
    });

    it('does so on a core with 256-bit vectors, few registers and software prefetch', () => {
      const target = { ...TEACHING, threads: 2, totalThreads: 2 };
      const context = makeContext(shape, target, { ...SOFTWARE, softwarePrefetch: true });
      expect(checkKernel(lowerCase(shape, direction, context), 2, { accumulates: true })).toEqual([]);
    });

    it('charges all taps of every output pixel', () => {
      const kernel = lowerCase(shape, direction, makeContext(shape, SKYLAKE));
      const outputs =
        shape.bias && direction !== 'backward-data'
          ? convFlops({ ...shape, inChannels: 1, groups: 1, kernel: 1 }) / 2
          : 0;
      const biasFlops = outputs === 0 ? 0 : kernel.flops - convFlops(shape);
      expect(kernel.flops - biasFlops).toBe(convFlops(shape));
    });
  });
});
