import { describe, expect, it } from 'vitest';
import { createDram, type Dram } from '../../../src/machine/dram/dram.js';
import type { DramControllerSpec, DramPartSpec } from '../../../src/machine/spec.js';
import { lineAtPlace, M1, memorySpec, ROUND_CLOCK } from './memory-spec.js';

const t = ROUND_CLOCK.timings;
/** Of the round clock, ps. */
const CYCLE = 1000;
const HIT = t.nCL + t.nBL;
const EMPTY = t.nRCD + HIT;
const CONFLICT = t.nRP + EMPTY;

function build(controller: Partial<DramControllerSpec> = {}, part: DramPartSpec = ROUND_CLOCK): Dram {
  return createDram(memorySpec(part, controller), 1);
}

/** A line of rank 0 by bank (bank group * 4 + bank), row and column. */
const lineAt = (bank: number, row: number, column: number): number =>
  lineAtPlace(M1, { column, 'bank-group': bank >> 2, bank: bank & 3, rank: 0, row });

interface Answer {
  readonly tag: number;
  readonly cycle: number;
  readonly unloadedCycles: number;
}

/** Steps a channel until it has nothing to do; returns the answers in order. */
function drain(dram: Dram, channel = 0): Answer[] {
  const answers: Answer[] = [];
  while ((dram.nextPs[channel] as number) < Infinity) {
    const tag = dram.step(channel);
    if (tag === -1) continue;
    const [answerPs, unloadedPs] = [dram.answerPs[0] as number, dram.unloadedPs[0] as number];
    answers.push({ tag, cycle: answerPs / CYCLE, unloadedCycles: unloadedPs / CYCLE });
  }
  return answers;
}

const read = (dram: Dram, line: number, cycle: number, tag: number): void =>
  dram.enqueue(0, line, false, cycle * CYCLE, tag);
const write = (dram: Dram, line: number, cycle: number, tag = -1): void =>
  dram.enqueue(0, line, true, cycle * CYCLE, tag);

describe('a read on an idle channel', () => {
  it('takes tRCD + CL + burst from a closed bank, CL + burst from an open row, tRP more from another open row', () => {
    const dram = build();
    read(dram, lineAt(0, 0, 0), 100, 1);
    expect(drain(dram)).toEqual([{ tag: 1, cycle: 100 + EMPTY, unloadedCycles: EMPTY }]);
    read(dram, lineAt(0, 0, 1), 500, 2);
    expect(drain(dram)).toEqual([{ tag: 2, cycle: 500 + HIT, unloadedCycles: HIT }]);
    read(dram, lineAt(0, 1, 0), 900, 3);
    expect(drain(dram)).toEqual([{ tag: 3, cycle: 900 + CONFLICT, unloadedCycles: CONFLICT }]);
    expect(dram.idleReadPs).toBe(EMPTY * CYCLE);
    expect(dram.statistics()).toMatchObject({
      readLines: 3,
      rowEmpty: 1,
      rowHits: 1,
      rowConflicts: 1,
      activates: 2,
      precharges: 1,
    });
    expect(dram.statistics().readLatencyPs).toBe((EMPTY + HIT + CONFLICT) * CYCLE);
  });

  it('begins with the memory cycle that follows its arrival', () => {
    const dram = build();
    dram.enqueue(0, 0, false, 100 * CYCLE + 1, 7);
    expect(drain(dram)[0]?.cycle).toBe(101 + EMPTY);
  });

  it('is answered in whole picoseconds with a clock that has none, and a chase does not lose cycles to rounding', () => {
    const part = { ...ROUND_CLOCK, tCKps: 2500 / 3 };
    const dram = createDram(memorySpec(part), 1);
    let timePs = 0;
    const hits = 300;
    for (let i = 0; i <= hits; i++) {
      dram.enqueue(0, i % 128, false, timePs, i);
      while (dram.step(0) !== i);
      timePs = dram.answerPs[0] as number;
      expect(Number.isInteger(timePs)).toBe(true);
    }
    expect(timePs).toBe(Math.floor((EMPTY + hits * HIT) * part.tCKps));
  });
});

describe('scheduling', () => {
  it('serves a row hit before an older request for another row of the bank', () => {
    const dram = build();
    read(dram, lineAt(0, 0, 0), 0, 1);
    read(dram, lineAt(0, 1, 0), 0, 2);
    read(dram, lineAt(0, 0, 1), 0, 3);
    expect(drain(dram).map((answer) => answer.tag)).toEqual([1, 3, 2]);
  });

  it('overlaps the rows of different banks', () => {
    const dram = build();
    read(dram, lineAt(0, 0, 0), 0, 1);
    read(dram, lineAt(4, 0, 0), 0, 2); // bank group 1
    const [first, second] = drain(dram);
    expect(first?.cycle).toBe(EMPTY);
    expect(second?.cycle).toBe(EMPTY + t.nRRDS);
  });

  it('prefers reads, and drains writes when no read waits', () => {
    const dram = build();
    write(dram, lineAt(0, 0, 0), 0);
    write(dram, lineAt(0, 0, 1), 0);
    read(dram, lineAt(1, 0, 0), 0, 5);
    const answers = drain(dram);
    expect(answers.map((answer) => answer.tag)).toEqual([5]);
    expect(dram.statistics()).toMatchObject({ readLines: 1, writtenLines: 2 });
    // The read was there before the first decision, so it found a free channel.
    expect(answers[0]?.cycle).toBeLessThanOrEqual(EMPTY + t.nRRDL);
  });

  it('starts a drain above the high watermark and ends it below the low one', () => {
    const dram = build({
      writeQueueEntries: 10,
      writeHighWatermark: 0.8,
      writeLowWatermark: 0.2,
      readQueueEntries: 32,
    });
    for (let i = 0; i < 20; i++) read(dram, lineAt(0, 0, i), 0, i);
    for (let i = 0; i < 9; i++) write(dram, lineAt(1, 0, i), 0);
    // 9 of 10 writes queued: above 8. The drain goes on until fewer than 2 are left, that is, 8 writes before the bulk of the reads.
    const order: string[] = [];
    let before = dram.statistics();
    while ((dram.nextPs[0] as number) < Infinity) {
      dram.step(0);
      const after = dram.statistics();
      if (after.readLines > before.readLines) order.push('R');
      if (after.writtenLines > before.writtenLines) order.push('W');
      before = after;
    }
    expect(order.join('')).toBe(`${'W'.repeat(8)}${'R'.repeat(20)}W`);
  });
});

describe('the time that a channel tells', () => {
  it('is that of the next read, not of the row that is opened for it', () => {
    const dram = build({});
    read(dram, lineAt(0, 0, 0), 0, 7);
    expect(dram.nextPs[0]).toBe(t.nRCD * ROUND_CLOCK.tCKps);
    expect(dram.step(0)).toBe(7);
  });

  it('is not kept when a request comes that can be served earlier', () => {
    const dram = build({});
    read(dram, lineAt(0, 0, 0), 0, 0);
    dram.step(0);
    // A row is open in bank 1 too; while bank 0 changes its row, a hit in bank 1 comes.
    read(dram, lineAt(1, 0, 0), 100, 1);
    while ((dram.nextPs[0] as number) < Infinity) dram.step(0);
    read(dram, lineAt(0, 1, 0), 1000, 2);
    expect(dram.nextPs[0]).toBeGreaterThan(1001 * ROUND_CLOCK.tCKps);
    read(dram, lineAt(1, 0, 1), 1001, 3);
    expect(dram.nextPs[0]).toBe(1001 * ROUND_CLOCK.tCKps);
    expect(drain(dram).map((answer) => answer.tag)).toEqual([3, 2]);
  });
});

it('serves parts whose timings are longer than the horizon of one decision', () => {
  const slow = { ...ROUND_CLOCK, timings: { ...t, nFAW: 3000, nRFC: 6000, nRCD: 700 } };
  const dram = build({ refresh: true }, slow);
  const requests = 40;
  for (let i = 0; i < requests; i++) read(dram, lineAt(i % 16, i, 0), 0, i);
  const answers = drain(dram);
  expect(answers).toHaveLength(requests);
  // Every request opens a row, four per window.
  expect(answers.at(-1)?.cycle).toBeGreaterThan((requests / 4 - 1) * 3000);
});

describe('the queues', () => {
  it('let requests wait in order when they do not fit', () => {
    const dram = build({ readQueueEntries: 2, writeQueueEntries: 2 });
    for (let i = 0; i < 6; i++) read(dram, lineAt(0, i, 0), 0, i);
    expect(dram.accepts(0, false)).toBe(false);
    expect(dram.accepts(0, true)).toBe(false);
    expect(drain(dram).map((answer) => answer.tag)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(dram.accepts(0, false)).toBe(true);
  });

  it('answer a write that asks for it when it is accepted, and one that does not never', () => {
    const dram = build({ writeQueueEntries: 1, writeHighWatermark: 0.5, writeLowWatermark: 0 });
    write(dram, lineAt(0, 0, 0), 10, 1);
    write(dram, lineAt(0, 0, 1), 10, 2);
    write(dram, lineAt(0, 0, 2), 10);
    const answers = drain(dram);
    expect(answers.map((answer) => answer.tag)).toEqual([1, 2]);
    expect(answers[0]?.cycle).toBe(10);
    // The first write leaves the queue with its activate; the second one's place is free in the next cycle.
    expect(answers[1]?.cycle).toBe(11);
    expect(dram.statistics().writtenLines).toBe(3);
  });

  it('forward a queued write to a read of the same line', () => {
    const dram = build();
    write(dram, lineAt(0, 0, 3), 0);
    read(dram, lineAt(0, 0, 3), 0, 9);
    const answers = drain(dram);
    expect(answers).toEqual([{ tag: 9, cycle: 1, unloadedCycles: 1 }]);
    expect(dram.statistics()).toMatchObject({ readLines: 0, writtenLines: 1, forwardedReads: 1 });
  });

  it('do not forward once the write is on its way', () => {
    const dram = build();
    write(dram, lineAt(0, 0, 3), 0);
    drain(dram);
    read(dram, lineAt(0, 0, 3), 1000, 9);
    drain(dram);
    expect(dram.statistics()).toMatchObject({ readLines: 1, forwardedReads: 0 });
  });

  it('say whether the channel is busy', () => {
    const dram = build({ refresh: true });
    expect(dram.busy(0)).toBe(false);
    expect(dram.nextPs[0]).toBe(Infinity);
    read(dram, 0, 0, 1);
    expect(dram.busy(0)).toBe(true);
    drain(dram);
    expect(dram.busy(0)).toBe(false);
  });
});

describe('the row policies', () => {
  /** What the second of two reads of one row finds, long after the first. */
  function secondFinds(controller: Partial<DramControllerSpec>, column = 1): number | undefined {
    const dram = build(controller);
    read(dram, lineAt(0, 0, 0), 0, 1);
    drain(dram);
    read(dram, lineAt(0, 0, column), 1000, 2);
    return drain(dram)[0]?.unloadedCycles;
  }

  it('open keeps the row', () => {
    expect(secondFinds({ rowPolicy: 'open' })).toBe(HIT);
  });

  it('closed closes it when nothing queued wants it', () => {
    expect(secondFinds({ rowPolicy: 'closed' })).toBe(EMPTY);
    const dram = build({ rowPolicy: 'closed' });
    for (let i = 0; i < 5; i++) read(dram, lineAt(0, 0, i), 0, i);
    drain(dram);
    expect(dram.statistics()).toMatchObject({ activates: 1, precharges: 1, rowHits: 4 });
  });

  it('capped closes it after its number of accesses though more want it', () => {
    const dram = build({ rowPolicy: 'capped', rowHitCap: 2 });
    for (let i = 0; i < 6; i++) read(dram, lineAt(0, 0, i), 0, i);
    expect(drain(dram)).toHaveLength(6);
    expect(dram.statistics()).toMatchObject({ activates: 3, precharges: 3, rowHits: 3, rowEmpty: 3 });
  });
});

describe('refresh', () => {
  it('closes the rows and holds the rank for tRFC', () => {
    const dram = build({ refresh: true });
    read(dram, lineAt(0, 0, 0), 0, 1);
    drain(dram);
    // Arrives just after the refresh has begun: precharge all at tREFI, refresh tRP later.
    read(dram, lineAt(0, 0, 1), t.nREFI + t.nRP + 1, 2);
    expect(drain(dram)[0]?.cycle).toBe(t.nREFI + t.nRP + t.nRFC + EMPTY);
    expect(dram.statistics()).toMatchObject({ refreshes: 1, rowEmpty: 2 });
  });

  it('is made up for after an idle time of any length', () => {
    const dram = build({ refresh: true });
    const intervals = 5_000_000;
    read(dram, lineAt(0, 0, 0), intervals * t.nREFI + 5000, 1);
    expect(drain(dram)[0]?.cycle).toBe(intervals * t.nREFI + 5000 + EMPTY);
    expect(dram.statistics().refreshes).toBe(intervals);
  });

  it('comes once per tREFI and rank under load', () => {
    for (const ranks of [1, 2]) {
      const part = { ...ROUND_CLOCK, ranks };
      const mapping = ranks === 1 ? M1 : 'column:7 bank-group:2 bank:2 rank:1 row:16';
      const dram = build({ refresh: true, mapping }, part);
      const lines = 40_000;
      for (let i = 0; i < lines; i++) read(dram, i * 3, 0, i);
      const answers = drain(dram);
      const end = answers.at(-1)?.cycle as number;
      expect(answers).toHaveLength(lines);
      expect(dram.statistics().refreshes).toBeGreaterThanOrEqual(ranks * Math.floor(end / t.nREFI - 1));
      expect(dram.statistics().refreshes).toBeLessThanOrEqual(ranks * Math.ceil(end / t.nREFI));
    }
  });
});

describe('channels', () => {
  it('are interleaved by blocks over any number of channels, of whole sockets', () => {
    const spec = { ...memorySpec(ROUND_CLOCK), channelsPerSocket: 6, interleaveLines: 4 };
    const dram = createDram(spec, 12);
    expect(Array.from({ length: 28 }, (_, line) => dram.channelOf(line))).toEqual(
      Array.from({ length: 28 }, (_, line) => Math.floor(line / 4) % 6),
    );
    expect(() => createDram(spec, 8)).toThrow('not whole sockets');
  });

  it('see consecutive lines of their own: a stream over six channels hits as often as one channel alone', () => {
    const channels = 6;
    const dram = createDram(
      { ...memorySpec(ROUND_CLOCK), channelsPerSocket: channels, interleaveLines: 4 },
      channels,
    );
    const perChannel = 2560;
    for (let line = 0; line < perChannel * channels; line++)
      dram.enqueue(dram.channelOf(line), line, false, 0, line);
    for (let channel = 0; channel < channels; channel++)
      expect(drain(dram, channel)).toHaveLength(perChannel);
    // A row holds 128 lines, so each channel opens perChannel / 128 rows.
    expect(dram.statistics().activates).toBe((channels * perChannel) / 128);
  });

  it('do not disturb each other', () => {
    const alone = build();
    const both = createDram({ ...memorySpec(ROUND_CLOCK), channelsPerSocket: 1 }, 2);
    for (let i = 0; i < 50; i++) {
      alone.enqueue(0, i * 97, i % 4 === 0, i * 5000, i);
      both.enqueue(1, i * 97, i % 4 === 0, i * 5000, i);
      both.enqueue(0, i * 31, i % 3 === 0, i * 5000, i);
    }
    const expected = drain(alone);
    drain(both, 0);
    expect(drain(both, 1)).toEqual(expected);
  });

  it('find lines beyond 2^32 and wrap at the capacity', () => {
    const dram = build();
    const capacity = 16 * 65536 * 128;
    read(dram, lineAt(0, 3, 0), 0, 1);
    drain(dram);
    read(dram, 64 * capacity + lineAt(0, 3, 5), 1000, 2);
    expect(drain(dram)[0]?.unloadedCycles).toBe(HIT);
  });
});

describe('the time base', () => {
  it.each([2 ** 30, 2 ** 31, 2 ** 36])('carries a run over cycle %d unchanged', (edge) => {
    // Begin a little before the edge, at a whole number of refresh intervals so that refreshes fall alike.
    const start = Math.floor(edge / t.nREFI) * t.nREFI;
    const runFrom = (offset: number): number[] => {
      const dram = build({ refresh: true });
      let state = 1;
      for (let i = 0; i < 4000; i++) {
        state = (state * 48271) % 2147483647;
        const cycle = offset + i * 7;
        while ((dram.nextPs[0] as number) < cycle * CYCLE) dram.step(0);
        dram.enqueue(0, state % 4096, state % 5 === 0, cycle * CYCLE, i);
      }
      return drain(dram).map((answer) => answer.cycle - offset);
    };
    // The first refresh falls after a whole interval, so compare from one interval on.
    expect(runFrom(start)).toEqual(runFrom(t.nREFI * 3));
  });
});

describe('age', () => {
  /** Reads of one row keep coming; one read of another row of that bank waits. Returns its latency. */
  function starved(ageLimitCycles: number): number {
    const dram = build({ ageLimitCycles });
    read(dram, lineAt(0, 1, 0), 0, 1);
    read(dram, lineAt(0, 1, 1), 0, 2);
    read(dram, lineAt(0, 2, 0), 0, 99);
    let latency = 0;
    for (let i = 0; i < 2000; i++) {
      const cycle = 4 * i;
      while ((dram.nextPs[0] as number) < cycle * CYCLE) {
        if (dram.step(0) === 99) latency = (dram.answerPs[0] as number) / CYCLE;
      }
      read(dram, lineAt(0, 1, i % 128), cycle, 1000 + i);
    }
    for (const answer of drain(dram)) if (answer.tag === 99) latency = answer.cycle;
    return latency;
  }

  it('bounds the wait of a read behind endless row hits', () => {
    expect(starved(1e9)).toBeGreaterThan(8000);
    // Over age, it waits for what is under way, its own row cycle and the burst.
    expect(starved(500)).toBeLessThanOrEqual(500 + t.nRTP + CONFLICT + t.nRAS);
  });

  it('bounds the wait of a read behind endless writes', () => {
    const latencyWith = (ageLimitCycles: number): number => {
      const dram = build({ ageLimitCycles });
      let latency = 0;
      let sent = 0;
      for (let i = 0; i < 20; i++) write(dram, lineAt(0, 0, i), 0);
      dram.step(0);
      read(dram, lineAt(1, 0, 0), 40, 99);
      for (let cycle = 0; cycle < 12_000; cycle++) {
        while ((dram.nextPs[0] as number) <= cycle * CYCLE) {
          if (dram.step(0) === 99) latency = (dram.answerPs[0] as number) / CYCLE;
        }
        while (dram.accepts(0, true)) write(dram, lineAt(0, 0, sent++ % 128), Math.max(40, cycle));
      }
      for (const answer of drain(dram)) if (answer.tag === 99) latency = answer.cycle;
      return latency;
    };
    expect(latencyWith(1e9)).toBeGreaterThan(11_000);
    expect(latencyWith(1000)).toBeLessThan(1040 + t.nCWL + t.nBL + t.nWTRL + CONFLICT + t.nRC);
  });
});
