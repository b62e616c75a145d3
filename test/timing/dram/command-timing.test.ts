/** Probe, issue, assert the earliest cycle: one test for every minimum distance between commands, for every part. */
import { describe, expect, it } from 'vitest';
import { loadDramPart } from '../../../src/config/load.js';
import { COMMAND } from '../../../src/machine/dram/layout.js';
import { bankAt, createDramState, type DramState, rankAt } from '../../../src/machine/dram/state.js';
import {
  activate,
  autoPrecharge,
  column,
  earliest,
  earliestPrechargeAll,
  earliestRefresh,
  precharge,
  refreshRank,
} from '../../../src/machine/dram/timing.js';
import { memorySpec } from '../../unit/dram/memory-spec.js';

const { READ, WRITE, ACTIVATE, PRECHARGE } = COMMAND;
/** Far behind everything that was issued before, so that one constraint at a time is seen. */
const LONG = 1000;
/** Cycle of the command whose effect is probed. */
const T = 10 * LONG;

describe.each(['ddr4-2400', 'ddr4-3200', 'hbm2', 'mcdram', 'gddr5x'])('%s', (name) => {
  const part = { ...loadDramPart(name), ranks: 2 };
  const t = part.timings;
  const bits = (count: number): number => Math.log2(count);
  const mapping = `bank-group:${bits(part.bankGroups)} bank:${bits(part.banksPerGroup)} rank:1 column:${bits(part.linesPerRow)} row:${bits(part.rows)}`;
  const fresh = (): DramState =>
    createDramState({ ...memorySpec(part), controller: { ...memorySpec(part).controller, mapping } }, 1);
  /** A bank by rank, bank group and bank. */
  const place = (d: DramState, rank: number, group: number, bank: number): number =>
    bankAt(d, 0, (rank * part.bankGroups + group) * part.banksPerGroup + bank);

  /** Fresh state with row 0 open, long ago, in two banks of group 0, one of group 1 and one of the other rank. */
  function opened(): { d: DramState; own: number; sameGroup: number; otherGroup: number; otherRank: number } {
    const d = fresh();
    const banks = [place(d, 0, 0, 0), place(d, 0, 0, 1), place(d, 0, 1, 0), place(d, 1, 0, 0)];
    for (const [i, at] of banks.entries()) activate(d, at, 0, i * LONG);
    const [own, sameGroup, otherGroup, otherRank] = banks as [number, number, number, number];
    return { d, own, sameGroup, otherGroup, otherRank };
  }

  it('tRCD: activate to read and write', () => {
    const d = fresh();
    const at = place(d, 0, 0, 0);
    activate(d, at, 7, T);
    expect(earliest(d, at, READ)).toBe(T + t.nRCD);
    expect(earliest(d, at, WRITE)).toBe(T + t.nRCD);
  });

  it('tRAS: activate to precharge', () => {
    const d = fresh();
    const at = place(d, 0, 0, 0);
    activate(d, at, 7, T);
    expect(earliest(d, at, PRECHARGE)).toBe(T + t.nRAS);
  });

  it('tRP: precharge to activate', () => {
    const { d, own } = opened();
    precharge(d, own, T);
    expect(earliest(d, own, ACTIVATE)).toBe(T + t.nRP);
  });

  it('tRC: activate to activate of one bank, precharged as early as may be', () => {
    const d = fresh();
    const at = place(d, 0, 0, 0);
    activate(d, at, 7, T);
    precharge(d, at, T + t.nRAS);
    expect(earliest(d, at, ACTIVATE)).toBe(T + Math.max(t.nRC, t.nRAS + t.nRP));
  });

  it('tRRD_S and tRRD_L: activate to activate of another bank', () => {
    const d = fresh();
    activate(d, place(d, 0, 0, 0), 7, T);
    expect(earliest(d, place(d, 0, 1, 0), ACTIVATE)).toBe(T + t.nRRDS);
    expect(earliest(d, place(d, 0, 0, 1), ACTIVATE)).toBe(T + t.nRRDL);
    expect(earliest(d, place(d, 1, 0, 0), ACTIVATE)).toBeLessThan(T);
  });

  it('tFAW: four activates of a rank, then the fifth', () => {
    const d = fresh();
    for (let i = 0; i < 4; i++) activate(d, place(d, 0, i, 0), 7, T + i * t.nRRDS);
    const last = T + 3 * t.nRRDS;
    expect(earliest(d, place(d, 0, 1, 1), ACTIVATE)).toBe(
      Math.max(T + t.nFAW, last + t.nRRDS, T + t.nRRDS + t.nRRDL),
    );
    expect(earliest(d, place(d, 1, 0, 0), ACTIVATE)).toBeLessThan(T);
  });

  it('tFAW: the window slides', () => {
    const d = fresh();
    const wide = t.nFAW;
    for (let i = 0; i < 4; i++) activate(d, place(d, 0, i, 0), 7, T + i * wide);
    expect(earliest(d, place(d, 0, 0, 1), ACTIVATE)).toBe(T + 3 * wide + t.nRRDS);
  });

  it('tCCD_S and tCCD_L: read to read and write to write', () => {
    for (const [direction, command] of [
      [0, READ],
      [1, WRITE],
    ] as const) {
      const { d, own, sameGroup, otherGroup } = opened();
      column(d, own, direction, T);
      expect(earliest(d, otherGroup, command)).toBe(T + Math.max(t.nCCDS, t.nBL));
      expect(earliest(d, sameGroup, command)).toBe(T + Math.max(t.nCCDL, t.nBL));
      expect(earliest(d, own, command)).toBe(T + Math.max(t.nCCDL, t.nBL));
    }
  });

  it('read to write: the bus turns round after the burst', () => {
    const { d, own, otherGroup } = opened();
    column(d, own, 0, T);
    expect(earliest(d, own, WRITE)).toBe(T + t.nCL + t.nBL + 2 - t.nCWL);
    expect(earliest(d, otherGroup, WRITE)).toBe(T + t.nCL + t.nBL + 2 - t.nCWL);
  });

  it('tWTR_S and tWTR_L: write to read', () => {
    const { d, own, sameGroup, otherGroup } = opened();
    column(d, own, 1, T);
    expect(earliest(d, otherGroup, READ)).toBe(T + t.nCWL + t.nBL + t.nWTRS);
    expect(earliest(d, sameGroup, READ)).toBe(T + t.nCWL + t.nBL + t.nWTRL);
    expect(earliest(d, own, READ)).toBe(T + t.nCWL + t.nBL + t.nWTRL);
  });

  it('tRTP: read to precharge', () => {
    const { d, own, sameGroup } = opened();
    column(d, own, 0, T);
    expect(earliest(d, own, PRECHARGE)).toBe(T + t.nRTP);
    expect(earliest(d, sameGroup, PRECHARGE)).toBeLessThan(T);
  });

  it('tWR: write to precharge', () => {
    const { d, own } = opened();
    column(d, own, 1, T);
    expect(earliest(d, own, PRECHARGE)).toBe(T + t.nCWL + t.nBL + t.nWR);
  });

  it('a read soon after its activate does not shorten tRAS', () => {
    const d = fresh();
    const at = place(d, 0, 0, 0);
    activate(d, at, 7, T);
    column(d, at, 0, T + t.nRCD);
    expect(earliest(d, at, PRECHARGE)).toBe(T + Math.max(t.nRAS, t.nRCD + t.nRTP));
  });

  it('auto-precharge closes the bank as soon as an explicit precharge could', () => {
    const d = fresh();
    const at = place(d, 0, 0, 0);
    activate(d, at, 7, T);
    column(d, at, 1, T + t.nRCD);
    autoPrecharge(d, at);
    const closed = T + Math.max(t.nRAS, t.nRCD + t.nCWL + t.nBL + t.nWR);
    expect(earliest(d, at, ACTIVATE)).toBe(Math.max(closed + t.nRP, T + t.nRC));
  });

  it('tRTRS: the bus changes ranks after a burst', () => {
    const reading = opened();
    column(reading.d, reading.own, 0, T);
    expect(earliest(reading.d, reading.otherRank, READ)).toBe(T + t.nBL + t.nRTRS);
    expect(earliest(reading.d, reading.otherRank, WRITE)).toBe(T + t.nCL + t.nBL + t.nRTRS - t.nCWL);
    const writing = opened();
    column(writing.d, writing.own, 1, T);
    expect(earliest(writing.d, writing.otherRank, WRITE)).toBe(T + t.nBL + t.nRTRS);
    expect(earliest(writing.d, writing.otherRank, READ)).toBe(
      T + Math.max(0, t.nCWL + t.nBL + t.nRTRS - t.nCL),
    );
  });

  it('precharge all waits for every open bank of its rank, refresh for tRP after it', () => {
    const { d, own, sameGroup, otherGroup } = opened();
    column(d, own, 0, T);
    column(d, otherGroup, 1, T + LONG);
    const all = T + LONG + t.nCWL + t.nBL + t.nWR;
    expect(earliestPrechargeAll(d, rankAt(d, 0, 0))).toBe(all);
    for (const at of [own, sameGroup, otherGroup]) precharge(d, at, all);
    expect(earliestRefresh(d, rankAt(d, 0, 0))).toBe(all + t.nRP);
  });

  it('tRFC: refresh to activate in its rank, not in the other', () => {
    const d = fresh();
    refreshRank(d, rankAt(d, 0, 0), T);
    for (const at of [place(d, 0, 0, 0), place(d, 0, part.bankGroups - 1, part.banksPerGroup - 1)]) {
      expect(earliest(d, at, ACTIVATE)).toBe(T + t.nRFC);
    }
    expect(earliest(d, place(d, 1, 0, 0), ACTIVATE)).toBeLessThan(T);
  });
});
