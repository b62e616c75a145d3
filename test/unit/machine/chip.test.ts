import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/kernel/op-stream.js';
import { createChip, tilesOf, wholeChip } from '../../../src/machine/chip.js';
import { sharersOf } from '../../../src/machine/coherence/shared-level.js';
import { advance } from '../../../src/machine/core/advance.js';
import { beginPhase } from '../../../src/machine/core/engine.js';
import { describeWaits } from '../../../src/machine/core/waits.js';
import { setHorizon } from '../../../src/machine/event-order.js';
import type { CacheSpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { chipOf, drive } from './drive.js';
import { SMALL } from './small-machine.js';

const SPACE = { lines: 4096, parameterBase: 0, parameterEnd: 0 };

describe('a chip', () => {
  it('has the cores, channels and slices of its machine', () => {
    const spec: MachineSpec = {
      ...SMALL,
      sockets: 2,
      coresPerSocket: 6,
      socketLink: { latencyPs: 1, bytesPerSecond: Infinity },
    };
    expect(wholeChip(spec)).toEqual({ cores: 12, totalCores: 12, channels: 2, slices: 1, channelRate: 1 });
    const chip = createChip(spec, wholeChip(spec), SPACE);
    expect([chip.cores, chip.channels, chip.streams.length]).toEqual([12, 2, 12]);
  });

  it('has a tile per cluster or per slice, whichever are more', () => {
    const spec: MachineSpec = {
      ...SMALL,
      coresPerSocket: 8,
      llc: { ...(SMALL.llc as LlcSpec), slicesPerSocket: 6 },
    };
    expect(tilesOf(spec)).toBe(8);
    expect(tilesOf({ ...spec, l2: { ...(SMALL.l2 as CacheSpec), sharedBy: 2 } })).toBe(6);
    expect(tilesOf({ ...spec, l2: { ...(SMALL.l2 as CacheSpec), sharedBy: 4 }, llc: null })).toBe(2);
  });

  it('refuses more memory than its tags reach', () => {
    // One set of an L1D that is all there is: 27 bits of tag.
    const spec: MachineSpec = { ...SMALL, l1d: { ...SMALL.l1d, capacityBytes: 256, ways: 4 }, l2: null };
    expect(() => createChip(spec, wholeChip(spec), { ...SPACE, lines: 2 ** 27 })).not.toThrow();
    expect(() => createChip(spec, wholeChip(spec), { ...SPACE, lines: 2 ** 27 + 1 })).toThrow(RangeError);
  });

  it('knows the holder of every line that it accepts', () => {
    // A directory of one set per slice.
    const spec: MachineSpec = { ...SMALL, llc: { ...(SMALL.llc as LlcSpec), sliceBytes: 1024, ways: 16 } };
    let lines = 2 ** 20;
    try {
      for (; lines < 2 ** 31; lines *= 2) createChip(spec, wholeChip(spec), { ...SPACE, lines });
    } catch {
      lines /= 2;
    }
    const chip = chipOf(spec, lines);
    const last = Math.min(lines, 2 ** 31) - 1;
    drive(chip, (_, out) => void out.run(1, 1, 1, 1, 1).stream(Access.Store, last));
    expect(sharersOf(chip.shared, last)).toEqual([0]);
  });

  it('says what a sleeping core waits for', () => {
    const chip = chipOf(SMALL);
    beginPhase(chip.engine, 0, (_, out) => {
      out.run(1, 1, 1, 1, 1).stream(Access.LoadDependent, 77);
      out.run(1, 1, 1, 1, 1).stream(Access.LoadDependent, 78);
      return true;
    });
    setHorizon(chip.order, 0, chip.clock);
    advance(chip.engine, 0);
    expect(describeWaits(chip.engine, 0)).toMatch(/core 0 .* waits for its oldest load.* 77/);
  });
});
