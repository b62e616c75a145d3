/** A chip that is stuck says who waits for whom. */
import { describe, expect, it } from 'vitest';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import { createChip, wholeChip } from '../../../src/machine/chip.js';
import type { MainMemory } from '../../../src/machine/dram/memory.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { runPhase, SimulatorBug } from '../../../src/simulate/phase.js';
import { CYCLE_PS, SMALL } from '../machine/small-machine.js';

const SPACE = { lines: 4096, parameterBase: 0, parameterEnd: 0 };
const LINE = 77;

/** Takes requests and never answers; with a period, its channels go on making decisions. */
function silent(memory: MainMemory, periodPs = Infinity): MainMemory {
  const nextPs = new Float64Array(memory.channels).fill(Infinity);
  return {
    ...memory,
    data: null,
    nextPs,
    enqueue(channel, _line, _isWrite, timePs) {
      nextPs[channel] = timePs + periodPs;
    },
    step(channel) {
      nextPs[channel] = (nextPs[channel] as number) + periodPs;
      return -1;
    },
  };
}

function complaint(
  spec: MachineSpec,
  work: (core: number, out: OpStream) => void,
  wrap: (memory: MainMemory) => MainMemory,
): string {
  const chip = createChip(spec, wholeChip(spec), SPACE, wrap);
  const phase = {
    name: 'test',
    tileCount: () => 1,
    emit: (core: number, _tile: number, out: OpStream) => work(core, out),
  };
  try {
    runPhase(chip, phase, 0);
  } catch (error) {
    if (error instanceof SimulatorBug) return error.message;
    throw error;
  }
  return '';
}

describe('a chip whose memory never answers', () => {
  it('names core, load, fill buffer, MSHR and channel', () => {
    const said = complaint(
      SMALL,
      (_, out) => void out.run(2, 1, 1, 1, 1).stream(Access.LoadDependent, LINE, 1),
      (memory) => silent(memory),
    );
    expect(said).toMatch(/^Nothing can move in phase test:\n/);
    expect(said).toMatch(
      /core 0 at \d+ ps waits for its oldest load, it for fill buffer 0 \(line 77\), it for MSHR 0 of cluster 0 \(line 77\), it for channel 0 of main memory since 0 ps$/,
    );
  });

  it('names the store of a full store queue, and full write-combining buffers', () => {
    const spec: MachineSpec = { ...SMALL, core: { ...SMALL.core, storeQueueEntries: 2 } };
    const stores = complaint(
      spec,
      (_, out) => void out.run(8, 1, 1, 1, 0).stream(Access.Store, LINE, 1),
      (memory) => silent(memory),
    );
    expect(stores).toMatch(/waits for its oldest store, it for fill buffer 0 \(line 77\)/);
    const past = complaint(
      SMALL,
      (_, out) => void out.run(20, 1, 1, 1, 0).stream(Access.StoreNonTemporal, LINE, 1),
      (memory) => silent(memory),
    );
    expect(past).toMatch(
      /waits for a miss register; without an answer are: fill buffer 0 \(write-combining\)/,
    );
    expect(past.match(/write-combining/g)).toHaveLength(SMALL.l1d.mshrs);
  });

  it('follows a wait into the cluster that fetches the line first', () => {
    const spec: MachineSpec = { ...SMALL, coresPerSocket: 2 };
    const said = complaint(
      spec,
      (core, out) => {
        // Core 1 asks when core 0 has long sent for the line.
        out.run(1, 1 + 100 * core, 0, 1, 0);
        out.run(2, 1, 0, 1, 1).stream(Access.LoadDependent, LINE, 1);
      },
      (memory) => silent(memory),
    );
    expect(said).toMatch(
      /core 1 at \d+ ps waits for its oldest load, it for fill buffer 0 \(line 77\), it for MSHR 0 of cluster 1 \(line 77\), it for MSHR 0 of cluster 0 \(line 77\), it for channel 0/,
    );
  });

  it('is noticed too where memory stays busy, after a millisecond without an instruction', () => {
    const said = complaint(
      SMALL,
      (_, out) => void out.run(2, 1, 1, 1, 1).stream(Access.LoadDependent, LINE, 1),
      (memory) => silent(memory, 10_000),
    );
    expect(said).toMatch(/^No core got on for 1 ms in phase test:\ncore 0 .* its oldest load.* channel 0/);
  });

  it('is not mistaken for one that computes for long', () => {
    const milliseconds = 5;
    const said = complaint(
      SMALL,
      (_, out) => {
        for (let index = 0; index < milliseconds; index++) out.compute(1e9 / CYCLE_PS, 0, 0);
      },
      (memory) => silent(memory, 10_000),
    );
    expect(said).toBe('');
  });
});
