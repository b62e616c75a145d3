/**
 * Convolutions with every line in the L1D take what their instructions take. The counts are made here, from the loops of the generated kernels, for register
 * blocks of several sizes on cores with one and two FMA units, 256 and 512 bits wide; the time is that of the simulated kernel.
 */
import { describe, expect, it } from 'vitest';
import { chooseDirectBlock, choosePointwiseBlock } from '../../../src/kernel/convolution/register-block.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import type { RegisterBlock } from '../../../src/kernel/micro-kernel.js';
import type { CacheSpec, MachineSpec } from '../../../src/machine/spec.js';
import { wholeSample } from '../../../src/simulate/share.js';
import { targetOf } from '../../../src/simulate/target.js';
import type { Shape } from '../../unit/kernel/convolution/cases.js';
import { convFlops, lowerCase, makeContext, SOFTWARE } from '../../unit/kernel/convolution/cases.js';
import { CYCLE_PS, deviation, dramPs, programOf, run, SMALL } from '../../unit/machine/small-machine.js';

const TOLERANCE = 0.02;
/** Channels of a block, which are the reduction steps of a block and tap. */
const CHANNELS = 16;
/** Micro-ops of a loop's own: two pointers, a count and a branch. */
const LOOP = 4;
/** Micro-ops of entering and leaving a generated kernel: 6 registers pushed and popped, 12 parameters read and moved along, call and return. */
const CALL = 2 * 6 + 2 * 12 + 2;

interface Width {
  readonly units: number;
  readonly bits: number;
  readonly registers?: number;
  readonly slots?: number;
}

/** A core whose L1D holds all that the convolutions here touch. */
function coreOf({ units, bits, registers = 32, slots = 4 }: Width): MachineSpec {
  return {
    ...SMALL,
    core: {
      ...SMALL.core,
      fmaUnits: units,
      vectorBits: bits,
      vectorRegisters: registers,
      issueWidth: slots,
    },
    l1d: { ...SMALL.l1d, capacityBytes: 2 ** 20, ways: 16 },
    l2: { ...(SMALL.l2 as CacheSpec), capacityBytes: 2 ** 22, ways: 16 },
    // Its snoop filter would be too small for so large private caches.
    llc: null,
  };
}

const software = { ...SOFTWARE, nonTemporalStores: false };

function targetFor(spec: MachineSpec) {
  return targetOf(spec, wholeSample(spec, 1), 1);
}

/** Cycles of a kernel behind another one, by default itself. */
function cyclesOf(spec: MachineSpec, kernel: Kernel, before = kernel): number {
  const program = { ...programOf(1, []), kernels: [before, kernel] };
  return (run(spec, program).kernels[1]?.timePs ?? Number.NaN) / CYCLE_PS;
}

function forward(spec: MachineSpec, shape: Shape): number {
  return cyclesOf(spec, lowerCase(shape, 'forward', makeContext(shape, targetFor(spec), software)));
}

/** Instructions of a stretch of code, in vectors of the machine. */
interface Count {
  readonly fma: number;
  readonly loads: number;
  readonly stores: number;
  readonly microOps: number;
}

/** The slowest of units, ports and issue slots. */
function bound({ core }: MachineSpec, { fma, loads, stores, microOps }: Count): number {
  return Math.max(
    fma / core.fmaUnits,
    loads / core.loadPorts,
    stores / core.storePorts,
    microOps / core.issueWidth,
  );
}

/**
 * A register tile of `pixels` x `vectors` blocks that reduces `steps` channels and taps in `turns` turns of a loop: each step loads the weights, broadcasts
 * an element per pixel (or lets each multiply-add take it from memory) and adds to every accumulator, which takes the FMA latency at least. Before it
 * the accumulators are zeroed, behind it the last additions drain and the results are stored, onto those of an earlier block where `adds`.
 */
function tileCycles(
  spec: MachineSpec,
  block: RegisterBlock,
  pixels: number,
  steps: number,
  turns: number,
  adds: boolean,
): number {
  const { core } = spec;
  const width = 512 / core.vectorBits;
  const weights = block.vectors * width;
  const accumulators = pixels * weights;
  const broadcasts = block.explicitBroadcast ? pixels : 0;
  const reduction = Math.max(
    bound(spec, {
      fma: steps * accumulators,
      loads: steps * (weights + (block.explicitBroadcast ? pixels : accumulators)),
      stores: 0,
      microOps: steps * (accumulators + weights + broadcasts) + turns * LOOP,
    }),
    steps * core.fmaLatencyCycles,
  );
  const zero = (accumulators + LOOP) / core.issueWidth;
  const store = bound(spec, {
    fma: adds ? accumulators : 0,
    loads: adds ? accumulators : 0,
    stores: accumulators,
    microOps: accumulators * (adds ? 2 : 1),
  });
  return reduction + zero + core.fmaLatencyCycles + store;
}

/** Tiles of a row (or a plane) of pixels: whole ones and a rest. */
function tilesOf(pixels: number, most: number): number[] {
  const sizes = Array.from({ length: Math.floor(pixels / most) }, () => most);
  return pixels % most === 0 ? sizes : [...sizes, pixels % most];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const CORES: readonly Width[] = [
  { units: 1, bits: 256, registers: 32, slots: 4 },
  { units: 2, bits: 256, registers: 32, slots: 4 },
  { units: 1, bits: 512, registers: 32, slots: 4 },
  { units: 2, bits: 512, registers: 32, slots: 4 },
  { units: 2, bits: 256, registers: 16, slots: 4 },
  { units: 2, bits: 512, registers: 32, slots: 2 },
];

const ROWS = 3;

/** 3x3 without padding: every tap of every pixel is computed. */
function direct(width: number, outChannels: number, stride = 1, inChannels = 32): Shape {
  return {
    images: 1,
    inChannels,
    outChannels,
    height: (ROWS - 1) * stride + 3,
    width: (width - 1) * stride + 3,
    kernel: 3,
    stride,
    pad: 0,
  };
}

function directBlock(spec: MachineSpec, shape: Shape, outWidth: number): RegisterBlock {
  return chooseDirectBlock(
    {
      outWidth,
      inWidth: shape.width,
      outBlocks: Math.ceil(shape.outChannels / CHANNELS),
      kernelHeight: 3,
      kernelWidth: 3,
      strideWidth: shape.stride,
      strideHeight: shape.stride,
      stepsPerBlock: CHANNELS,
    },
    targetFor(spec),
  );
}

/** Per row and chunk of output blocks, one call per input block, the first of which stores and the others add. */
function directCycles(spec: MachineSpec, shape: Shape, outWidth: number): number {
  const block = directBlock(spec, shape, outWidth);
  const inBlocks = Math.ceil(shape.inChannels / CHANNELS);
  const chunks = Math.ceil(shape.outChannels / CHANNELS) / block.vectors;
  const rows = Array.from(
    { length: inBlocks },
    (_, inBlock) =>
      CALL / spec.core.issueWidth +
      sum(
        tilesOf(outWidth, block.pixels).map((pixels) =>
          tileCycles(spec, block, pixels, CHANNELS * 9, 3, inBlock > 0),
        ),
      ),
  );
  return ROWS * chunks * sum(rows);
}

describe.each(CORES)(
  'a 3x3 convolution on $units FMA unit(s) of $bits bits, $registers registers, $slots issue slots',
  (width) => {
    const spec = coreOf(width);

    it.each([
      [6, 16],
      [14, 16],
      [28, 16],
      [6, 32],
      [14, 64],
      [28, 32],
      [20, 48],
    ])('takes what its instructions take: %i pixels, %i output channels', (outWidth, outChannels) => {
      const shape = direct(outWidth, outChannels);
      expect(deviation(forward(spec, shape), directCycles(spec, shape, outWidth))).toBeLessThan(TOLERANCE);
    });

    it.each([
      [14, 32],
      [28, 64],
    ])('takes the same with stride 2: %i pixels, %i output channels', (outWidth, outChannels) => {
      const shape = direct(outWidth, outChannels, 2);
      expect(deviation(forward(spec, shape), directCycles(spec, shape, outWidth))).toBeLessThan(TOLERANCE);
    });

    it('computes the missing channels of a last block too', () => {
      const whole = direct(14, 32);
      const tailed = direct(14, 24, 1, 24);
      expect(deviation(forward(spec, tailed), forward(spec, whole))).toBeLessThan(TOLERANCE);
      expect(convFlops(tailed)).toBe((convFlops(whole) * 24 * 24) / (32 * 32));
    });
  },
);

describe('too few accumulators', () => {
  it.each([
    // 6 accumulators need 3 cycles on two units, but an accumulator takes its next addition only after 4.
    { units: 2, bits: 512, pixels: 6, cycles: 4 },
    // One unit is busy for 6.
    { units: 1, bits: 512, pixels: 6, cycles: 6 },
    // Two vectors a line make 12 accumulators: 12 multiply-adds that take their element from memory, and the weights, are 14 loads on two ports.
    { units: 2, bits: 256, pixels: 6, cycles: 14 / 2 },
    // 14 multiply-adds and a line of weights: 15 loads.
    { units: 2, bits: 512, pixels: 14, cycles: 15 / 2 },
  ])(
    'bind $pixels pixels to $cycles cycles a step on $units x $bits bits',
    ({ units, bits, pixels, cycles }) => {
      const spec = coreOf({ units, bits });
      // The rest of a row (call, zeroing, drain, store) is the difference between one channel block of input and two, less one reduction.
      const [once, twice, thrice] = [16, 32, 48].map((channels) =>
        forward(spec, direct(pixels, 16, 1, channels)),
      ) as [number, number, number];
      const perBlock = thrice - twice;
      const lines = pixels * (512 / bits);
      const overhead = CALL / 4 + (lines + LOOP) / 4 + spec.core.fmaLatencyCycles + lines;
      expect(deviation(perBlock / ROWS - overhead, CHANNELS * 9 * cycles)).toBeLessThan(TOLERANCE);
      expect(deviation(twice - once, perBlock)).toBeLessThan(TOLERANCE);
    },
  );
});

/** Per call and group of output blocks one pass over all pixels, every tile reducing all channels; strided ones copy their pixels first. */
function pointwiseCycles(spec: MachineSpec, shape: Shape, side: number): number {
  const { core } = spec;
  const outBlocks = Math.ceil(shape.outChannels / CHANNELS);
  const inBlocks = Math.ceil(shape.inChannels / CHANNELS);
  const block = choosePointwiseBlock(side, side * side, outBlocks, targetFor(spec));
  const passes = tilesOf(outBlocks, block.vectors).map(
    (vectors) =>
      CALL / core.issueWidth +
      sum(
        tilesOf(side * side, block.pixels).map((pixels) =>
          tileCycles(spec, { ...block, vectors }, pixels, inBlocks * CHANNELS, inBlocks, false),
        ),
      ),
  );
  // A load and a store, two pointers, a column counter and two branches.
  const vectors = 512 / core.vectorBits;
  const copy = bound(spec, { fma: 0, loads: vectors, stores: vectors, microOps: 7 * vectors });
  return sum(passes) + (shape.stride === 1 ? 0 : inBlocks * side * side * copy);
}

function pointwise(side: number, outChannels: number, stride = 1, inChannels = 64): Shape {
  const size = (side - 1) * stride + 1;
  return { images: 1, inChannels, outChannels, height: size, width: size, kernel: 1, stride, pad: 0 };
}

describe.each(CORES)(
  'a 1x1 convolution on $units FMA unit(s) of $bits bits, $registers registers, $slots issue slots',
  (width) => {
    const spec = coreOf(width);

    it.each([
      [7, 32, 1],
      [14, 64, 1],
      [13, 128, 1],
      [7, 32, 2],
      [14, 64, 2],
    ])(
      'takes what its instructions take: side %i, %i output channels, stride %i',
      (side, outChannels, stride) => {
        const shape = pointwise(side, outChannels, stride);
        expect(deviation(forward(spec, shape), pointwiseCycles(spec, shape, side))).toBeLessThan(TOLERANCE);
      },
    );

    it('computes the missing channels of a last block too', () => {
      const whole = pointwise(14, 64);
      const tailed = pointwise(14, 50, 1, 56);
      expect(deviation(forward(spec, tailed), forward(spec, whole))).toBeLessThan(TOLERANCE);
    });
  },
);

describe('a strided 1x1 convolution whose input lies in main memory', () => {
  // The copying loop has no arithmetic to hide a miss behind: this, and not the copies themselves, is what holds strided convolutions at about 80 % of the
  // peak (docs/paper.md).
  it.each([4, 10])('waits for each copied pixel as long as %i fill buffers need', (mshrs) => {
    const wide = coreOf({ units: 2, bits: 512 });
    const spec: MachineSpec = { ...wide, l1d: { ...wide.l1d, mshrs } };
    const shape = pointwise(14, 64, 2);
    const context = makeContext(shape, targetFor(spec), software);
    const [near, far] = (['in', 'in.y'] as const).map((input) =>
      lowerCase(shape, 'forward', context, { input }),
    ) as [Kernel, Kernel];
    const copied = (shape.inChannels / CHANNELS) * 14 * 14;
    const copyCycles = 7 / spec.core.issueWidth;
    const waitCycles = dramPs(spec) / CYCLE_PS / mshrs - copyCycles;
    expect(deviation(cyclesOf(spec, far, near) - cyclesOf(spec, near), copied * waitCycles)).toBeLessThan(
      TOLERANCE,
    );
  });
});
