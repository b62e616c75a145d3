/** Cycles are kept relative to a base that moves with the run: a channel's move takes all its cycles back by the same, and no other channel's. */
import { expect, it } from 'vitest';
import { COMMAND, LONG_AGO, RANK } from '../../../src/machine/dram/layout.js';
import { bankAt, createDramState, rankAt, rebaseChannel } from '../../../src/machine/dram/state.js';
import { activate, column, earliest } from '../../../src/machine/dram/timing.js';
import { memorySpec, ROUND_CLOCK } from './memory-spec.js';

const { READ, WRITE, ACTIVATE, PRECHARGE } = COMMAND;
const CHANNELS = 2;
const RANKS = 2;
const MOVED = 900;

it('moves all that constrains the commands of its channel, once, and leaves what is long ago where it is', () => {
  const d = createDramState(memorySpec({ ...ROUND_CLOCK, ranks: RANKS }, { refresh: true }), CHANNELS);
  for (let channel = 0; channel < CHANNELS; channel++) {
    // Rows opened in two groups of one rank and in the other rank, and a read: bank, group and rank each hold some command back.
    for (const [bank, cycle] of [
      [0, 1000],
      [5, 1010],
      [18, 1020],
    ] as const)
      activate(d, bankAt(d, channel, bank), 3, cycle);
    column(d, bankAt(d, channel, 0), 0, 1030);
  }
  const earliestOf = (channel: number): number[] =>
    Array.from({ length: d.banksPerChannel }, (_, bank) =>
      [READ, WRITE, ACTIVATE, PRECHARGE].map((command) => earliest(d, bankAt(d, channel, bank), command)),
    ).flat();
  const dueOf = (channel: number): number[] =>
    Array.from(
      { length: RANKS },
      (_, rank) => d.words[rankAt(d, channel, rank) + RANK.REFRESH_DUE] as number,
    );
  const before = [earliestOf(0), earliestOf(1)] as const;
  const due = [dueOf(0), dueOf(1)] as const;
  const ch = d.channelStates[1];
  if (ch === undefined) throw new Error('no such channel');
  const refreshNext = ch.refreshNext;
  ch.commandFree = 1031;

  rebaseChannel(d, ch, MOVED);
  expect(earliestOf(1)).toEqual(before[1].map((cycle) => Math.max(LONG_AGO, cycle - MOVED)));
  expect(before[1]).toContain(LONG_AGO);
  expect(dueOf(1)).toEqual(due[1].map((cycle) => cycle - MOVED));
  expect([ch.commandFree, ch.refreshNext]).toEqual([1031 - MOVED, refreshNext - MOVED]);
  expect([...d.baseCycle]).toEqual([0, MOVED]);

  expect(earliestOf(0)).toEqual(before[0]);
  expect(dueOf(0)).toEqual(due[0]);
});
