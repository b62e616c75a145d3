/** The sweeps of one CONV-BN-ReLU-CONV edge, from lines that reach a simulated memory, are those that docs/paper.md counts. */
import { describe, expect, it } from 'vitest';
import { countEdgeSweeps, EDGE_VARIANTS } from '../../../src/bound/edge.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import {
  CACHE_MULTIPLE,
  EdgeMeasurement,
  edgeNetwork,
  mapBytes,
  simulatedCacheBytes,
  smallestEdgeBatch,
} from '../../../src/simulate/edge.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { SMALL } from '../../unit/machine/small-machine.js';

/** Two cores whose L2s hold what a kernel reuses within itself (98 KiB of a 14x14 image's map), a snoop filter with room to spare, and caches that are small beside the maps. */
const MACHINE: MachineSpec = {
  ...SMALL,
  coresPerSocket: 2,
  l1d: { ...SMALL.l1d, capacityBytes: 8 * 1024 },
  l2: { ...SMALL.l2, capacityBytes: 128 * 1024, ways: 8 } as MachineSpec['l2'],
  llc: { ...SMALL.llc, sliceBytes: 128 * 1024, ways: 4, snoopFilterWays: 16 } as MachineSpec['llc'],
};
const CHANNELS = 128;
const IMAGE = 14;
const batch = smallestEdgeBatch(MACHINE, { channels: CHANNELS, image: IMAGE });
const shape = { batch, channels: CHANNELS, image: IMAGE };
const software = {
  bnBlocking: 'streaming',
  nonTemporalStores: true,
  softwarePrefetch: true,
  fuseBnRelu: false,
} as const;

describe('one CONV-BN-ReLU-CONV edge whose maps are far larger than the caches', () => {
  const edge = new EdgeMeasurement({ machine: MACHINE, shape, software });

  it('has maps of at least four times the caches', () => {
    expect(CACHE_MULTIPLE).toBeGreaterThanOrEqual(4);
    expect(mapBytes(shape, edge.sample)).toBe(batch * (CHANNELS / 16) * IMAGE * IMAGE * 64);
    expect(mapBytes(shape, edge.sample)).toBeGreaterThanOrEqual(
      CACHE_MULTIPLE * simulatedCacheBytes(MACHINE, edge.sample),
    );
  });

  it.each(EDGE_VARIANTS.map((variant) => [variant.name, variant] as const))(
    '%s: simulated lines, the closed form and docs/paper.md agree',
    (_name, { schedule, options, forwardSweeps, backwardSweeps }) => {
      const { forward, backward } = edge.measure(schedule, options);
      const step = applySchedule(buildTrainingStep(edgeNetwork(shape), { batch }), schedule, options);
      for (const [phase, paper, simulated] of [
        ['forward', forwardSweeps, forward],
        ['backward', backwardSweeps, backward],
      ] as const) {
        const { reads, writes } = countEdgeSweeps(step, phase);
        expect(reads + writes, phase).toBe(paper);
        // The two cores share a few rows at the borders of their parts, which both read.
        expect(Math.abs(simulated.read - reads), `${phase} reads`).toBeLessThan(0.02);
        expect(Math.abs(simulated.written - writes), `${phase} writes`).toBeLessThan(0.02);
      }
    },
    60_000,
  );

  it('reads for ownership beside that where stores are ordinary, which is kept apart', () => {
    const ordinary = new EdgeMeasurement({
      machine: MACHINE,
      shape,
      software: { ...software, nonTemporalStores: false },
    });
    const { forward } = ordinary.measure('baseline', EDGE_VARIANTS[0]?.options as never);
    // CONV_a's X and BN's Y; ReLU stores over what it has just read.
    expect(forward.writeAllocate).toBeCloseTo(2, 1);
    expect(forward.read + forward.written).toBeCloseTo(8, 1);
  });
});
