import { describe, expect, it } from 'vitest';
import { createAddressMap, geometryOf, tensorLines } from '../../../src/kernel/address-map.js';
import type { Tensor } from '../../../src/training/step.js';
import { feature, makeStep, plain } from './streaming/fixtures.js';

describe('lines of a tensor', () => {
  it('are one per pixel and 16-channel block for a feature map', () => {
    expect(tensorLines(feature('x', [3, 40, 7, 5]))).toBe(3 * 3 * 7 * 5);
  });

  it('pack the network input', () => {
    expect(tensorLines(feature('x', [2, 3, 5, 5], { layout: 'nchw' }))).toBe(
      Math.ceil((2 * 3 * 25 * 4) / 64),
    );
  });

  it('start every image of a fully connected layer on a line', () => {
    expect(tensorLines(feature('y', [5, 1000, 1, 1], { layout: 'plain' }))).toBe(5 * 63);
  });

  it('round a byte mask up to whole lines per plane', () => {
    const mask = feature('mask', [2, 20, 3, 3], { role: 'mask', elementBytes: 1 });
    // 9 pixels x 16 bytes are 2.25 lines.
    expect(tensorLines(mask)).toBe(2 * 2 * 3);
  });

  it('pad both channel counts of CONV weights to 16, but not the three of RGB', () => {
    expect(tensorLines(plain('w', 'parameter', [20, 40, 3, 3]))).toBe((32 * 48 * 9) / 16);
    expect(tensorLines(plain('w', 'parameter', [64, 3, 7, 7]))).toBe((64 * 3 * 49) / 16);
  });

  it('have no blocked geometry for the unblocked input', () => {
    expect(() => geometryOf(feature('x', [2, 3, 5, 5], { layout: 'nchw' }))).toThrow(
      /"x".*no blocked feature map/,
    );
  });
});

describe('the address map', () => {
  const tensors: Tensor[] = [
    plain('w', 'parameter', [32, 32, 3, 3]),
    feature('x', [2, 32, 8, 8]),
    feature('relu', [2, 32, 8, 8], { storage: 'x' }),
    plain('dw', 'parameter-gradient', [32, 32, 3, 3]),
    plain('gamma', 'parameter', [32]),
    plain('v', 'optimiser-state', [32, 32, 3, 3]),
  ];

  it('gives every storage pages of its own', () => {
    const map = createAddressMap(makeStep(tensors));
    const ranges = ['w', 'x', 'dw', 'gamma', 'v'].map((name) => ({
      base: map.baseOf(name),
      lines: map.linesOf(name),
    }));
    ranges.sort((a, b) => a.base - b.base);
    let end = 0;
    for (const { base, lines } of ranges) {
      expect(base % 64).toBe(0);
      expect(base).toBeGreaterThanOrEqual(end);
      end = base + lines;
    }
  });

  it('lets tensors of one storage share their lines', () => {
    const map = createAddressMap(makeStep(tensors));
    expect(map.baseOf('relu')).toBe(map.baseOf('x'));
  });

  it('keeps parameters together and gradients, momenta and scratch out of their region', () => {
    const map = createAddressMap(makeStep(tensors));
    const scratch = map.scratch('partials', 10);
    const isInside = (line: number) => line >= map.parameterBase && line < map.parameterEnd;
    expect(['w', 'gamma'].map((name) => isInside(map.baseOf(name)))).toEqual([true, true]);
    expect(['x', 'dw', 'v'].map((name) => isInside(map.baseOf(name)))).toEqual([false, false, false]);
    expect(scratch).toBeGreaterThanOrEqual(map.parameterEnd);
    expect(map.lines()).toBeGreaterThanOrEqual(scratch + 10);
  });

  it('gives a scratch name the same lines again, and a new buffer when it outgrows them', () => {
    const map = createAddressMap(makeStep(tensors));
    const first = map.scratch('strip', 100);
    expect(map.scratch('strip', 50)).toBe(first);
    expect(map.scratch('other', 10)).not.toBe(first);
    expect(map.scratch('strip', 200)).toBeGreaterThan(first);
  });

  it('refuses what does not fit 31 bits of lines, and unknown names', () => {
    const huge = feature('huge', [1024, 4096, 112, 112]);
    expect(() => createAddressMap(makeStep([huge, { ...huge, name: 'b', storage: 'b' }]))).toThrow(
      /2\^31 lines/,
    );
    expect(() => createAddressMap(makeStep(tensors)).baseOf('nowhere')).toThrow(/"nowhere"/);
  });
});
