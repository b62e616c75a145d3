import { describe, expect, it } from 'vitest';
import {
  channelOfIdeal,
  createIdealMemory,
  enqueueIdeal,
  stepIdeal,
} from '../../../src/machine/dram/ideal.js';
import type { MainMemory } from '../../../src/machine/dram/memory.js';

const LATENCY = 60_000;

function drain(memory: MainMemory, channel: number): { tag: number; ps: number; unloadedPs: number }[] {
  const answers = [];
  while ((memory.nextPs[channel] as number) < Infinity) {
    const tag = memory.step(channel);
    answers.push({ tag, ps: memory.answerPs[0] as number, unloadedPs: memory.unloadedPs[0] as number });
  }
  return answers;
}

describe('ideal memory', () => {
  it('answers after the latency alone when bandwidth is infinite', () => {
    const memory = createIdealMemory(
      { kind: 'ideal', latencyPs: LATENCY, bytesPerSecond: Infinity, channelsPerSocket: 1 },
      1,
    );
    for (let i = 0; i < 100; i++) memory.enqueue(0, i, false, 5, i);
    for (const answer of drain(memory, 0))
      expect(answer).toMatchObject({ ps: 5 + LATENCY, unloadedPs: LATENCY });
    expect(memory.idleReadPs).toBe(LATENCY);
  });

  it('moves lines at exactly its bandwidth, shared by the channels of a socket', () => {
    // 100 GB/s over 3 channels: a line per 64 / (100e9 / 3) s = 1920 ps.
    const memory = createIdealMemory(
      { kind: 'ideal', latencyPs: LATENCY, bytesPerSecond: 100e9, channelsPerSocket: 3 },
      3,
    );
    const lines = 3000;
    for (let i = 0; i < lines; i++) memory.enqueue(2, i, i % 4 === 0, 0, i);
    const answers = drain(memory, 2);
    expect(answers.at(-1)?.ps).toBe(lines * 1920 + LATENCY);
    expect(memory.statistics()).toMatchObject({ readLines: (lines * 3) / 4, writtenLines: lines / 4 });
  });

  it('keeps a rate that is no whole number of picoseconds per line', () => {
    const memory = createIdealMemory(
      { kind: 'ideal', latencyPs: 0, bytesPerSecond: 230.4e9, channelsPerSocket: 1 },
      1,
    );
    const lines = 10_000;
    for (let i = 0; i < lines; i++) memory.enqueue(0, i, false, 0, i);
    const end = drain(memory, 0).at(-1)?.ps as number;
    expect(end).toBe(Math.ceil((lines * 64e12) / 230.4e9));
  });

  it('interleaves line by line and is busy while a request waits', () => {
    const memory = createIdealMemory(
      { kind: 'ideal', latencyPs: LATENCY, bytesPerSecond: 1e9, channelsPerSocket: 6 },
      12,
    );
    expect(memory.channelOf(13)).toBe(1);
    expect(memory.busy(1)).toBe(false);
    memory.enqueue(1, 13, false, 0, 4);
    expect(memory.busy(1)).toBe(true);
    drain(memory, 1);
    expect(memory.busy(1)).toBe(false);
  });

  it('does the same by its functions on its state as by its methods', () => {
    const create = (): MainMemory =>
      createIdealMemory({ kind: 'ideal', latencyPs: LATENCY, bytesPerSecond: 70e9, channelsPerSocket: 2 }, 2);
    const [memory, plain] = [create(), create()];
    if (plain.data?.kind !== 'ideal') throw new Error('an ideal memory tells its state');
    const { state } = plain.data;
    for (let i = 0; i < 200; i++) {
      memory.enqueue(memory.channelOf(i), i, i % 3 === 0, 100 * i, i);
      enqueueIdeal(state, channelOfIdeal(state, i), i, i % 3 === 0 ? 1 : 0, 100 * i, i);
    }
    const answers = [];
    while ((state.nextPs[1] as number) < Infinity)
      answers.push({ tag: stepIdeal(state, 1), ps: state.answerPs[0], unloadedPs: state.unloadedPs[0] });
    expect(answers).toEqual(drain(memory, 1));
    expect(answers).toHaveLength(100);
    expect(plain.statistics()).toEqual(memory.statistics());
  });
});
