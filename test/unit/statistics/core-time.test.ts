import { describe, expect, it } from 'vitest';
import { CORE_COUNTERS, CoreCounter } from '../../../src/machine/core/layout.js';
import {
  CORE_STATES,
  coreTimePs,
  correctCoreTime,
  nameCoreStates,
} from '../../../src/statistics/core-time.js';
import { CATEGORY_COUNT, Category } from '../../../src/statistics/time-loss.js';

/** Waits of 600 ps for lines, 480 of them for DRAM; 100 ps at barriers, 20 in a chase of the L1D, 280 dispatching. */
function kernel() {
  const lossPs = new Array<number>(CATEGORY_COUNT).fill(0);
  lossPs[Category.Compute] = 200;
  lossPs[Category.Issue] = 80;
  lossPs[Category.L1] = 20;
  lossPs[Category.L2] = 70;
  lossPs[Category.Llc] = 50;
  lossPs[Category.DramLatency] = 300;
  lossPs[Category.DramBandwidth] = 180;
  lossPs[Category.Barrier] = 100;
  const counters = new Array<number>(CORE_COUNTERS).fill(0);
  counters[CoreCounter.WindowFullPs] = 300;
  counters[CoreCounter.StoreQueueFullPs] = 60;
  counters[CoreCounter.FillBuffersFullPs] = 240;
  return { lossPs, counters };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('the states of the cores', () => {
  it('take what the queues were full for, and from the time-loss account what is no wait for a line', () => {
    const states = nameCoreStates(coreTimePs(kernel()));
    expect(states).toEqual({
      dispatching: 280,
      windowFull: 300,
      storeQueueFull: 60,
      fillBuffersFull: 240,
      mshrsFull: 0,
      l1: 20,
      barrier: 100,
    });
    expect(Object.keys(states)).toEqual(CORE_STATES.map(({ key }) => key));
  });

  it('add up to the time-loss account', () => {
    expect(sum(coreTimePs(kernel()))).toBe(sum(kernel().lossPs));
  });

  it('get what a correction adds in proportion to the waits that it corrects', () => {
    // 580 ps of waits for DRAM and at barriers, and as much again: each of them doubles.
    const corrected = nameCoreStates(correctCoreTime(kernel(), 580));
    expect(corrected.barrier).toBe(200);
    // 480 ps more over 600 ps of waits for lines: each grows by 80 %.
    expect(corrected.windowFull).toBeCloseTo(300 * 1.8, 9);
    expect(corrected.storeQueueFull).toBeCloseTo(60 * 1.8, 9);
    expect(corrected.fillBuffersFull).toBeCloseTo(240 * 1.8, 9);
    expect([corrected.dispatching, corrected.l1]).toEqual([280, 20]);
    expect(sum(correctCoreTime(kernel(), 580))).toBeCloseTo(sum(kernel().lossPs) + 580, 9);
  });

  it('stay as they are where nothing waited for memory', () => {
    const idle = { lossPs: [5, 5, 0, 0, 0, 0, 0, 0], counters: new Array<number>(CORE_COUNTERS).fill(0) };
    expect(correctCoreTime(idle, 0)).toEqual([10, 0, 0, 0, 0, 0, 0]);
  });
});
