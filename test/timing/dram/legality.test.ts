/**
 * The commands that a controller issues under random traffic, checked pair by pair against JEDEC's minimum distances, which are written down here a
 * second time: what the scheduler believes about the devices plays no part in the check.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadDramPart } from '../../../src/config/load.js';
import { createDram } from '../../../src/machine/dram/dram.js';
import type { DramState } from '../../../src/machine/dram/state.js';
import type { DramControllerSpec, DramPartSpec } from '../../../src/machine/spec.js';
import { memorySpec } from '../../unit/dram/memory-spec.js';

interface Issued {
  readonly cycle: number;
  readonly name: 'ACT' | 'RD' | 'WR' | 'PRE' | 'REF';
  readonly rank: number;
  readonly bank: number;
  readonly row: number;
  /** An auto-precharge is part of its column command and takes no slot of the command bus. */
  readonly automatic: boolean;
}

const log: Issued[] = vi.hoisted(() => []);
const bankIndex = (d: DramState, at: number): number => (at - d.banksAt) / 16;

vi.mock('../../../src/machine/dram/timing.js', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../../src/machine/dram/timing.js')>();
  const note = (
    d: DramState,
    name: Issued['name'],
    bank: number,
    cycle: number,
    row: number,
    automatic = false,
  ): void => {
    log.push({ cycle, name, rank: Math.floor(bank / d.banksPerRank), bank, row, automatic });
  };
  return {
    ...real,
    activate(d: DramState, at: number, row: number, cycle: number) {
      note(d, 'ACT', bankIndex(d, at), cycle, row);
      real.activate(d, at, row, cycle);
    },
    column(d: DramState, at: number, direction: number, cycle: number) {
      note(d, direction === 1 ? 'WR' : 'RD', bankIndex(d, at), cycle, d.words[at] as number);
      real.column(d, at, direction, cycle);
    },
    precharge(d: DramState, at: number, cycle: number) {
      note(d, 'PRE', bankIndex(d, at), cycle, -1);
      real.precharge(d, at, cycle);
    },
    autoPrecharge(d: DramState, at: number) {
      const bank = bankIndex(d, at);
      const t = d.timings;
      const own = log.filter((entry) => entry.bank === bank);
      const last = (name: Issued['name']): number =>
        own.findLast((entry) => entry.name === name)?.cycle ?? -1e6;
      const closes = Math.max(last('ACT') + t.nRAS, last('RD') + t.nRTP, last('WR') + t.nCWL + t.nBL + t.nWR);
      note(d, 'PRE', bank, closes, -1, true);
      real.autoPrecharge(d, at);
    },
    refreshRank(d: DramState, rank: number, cycle: number) {
      note(d, 'REF', Math.round((rank - d.ranksAt) / 16) * d.banksPerRank, cycle, -1);
      real.refreshRank(d, rank, cycle);
    },
  };
});

/** Minimum distance from one command to a later one, by how the two banks lie to each other. */
function distance(part: DramPartSpec, first: Issued, second: Issued): number {
  const t = part.timings;
  const sameRank = first.rank === second.rank;
  const sameBank = first.bank === second.bank;
  const group = (issued: Issued): number => Math.floor(issued.bank / part.banksPerGroup);
  const sameGroup = group(first) === group(second);
  const pair = `${first.name} ${second.name}`;
  if (!sameRank) {
    if (pair === 'RD RD' || pair === 'WR WR') return t.nBL + t.nRTRS;
    if (pair === 'RD WR') return t.nCL + t.nBL + t.nRTRS - t.nCWL;
    return pair === 'WR RD' ? t.nCWL + t.nBL + t.nRTRS - t.nCL : 0;
  }
  const always: Record<string, number> = {
    'RD RD': Math.max(t.nBL, sameGroup ? t.nCCDL : t.nCCDS),
    'WR WR': Math.max(t.nBL, sameGroup ? t.nCCDL : t.nCCDS),
    'RD WR': t.nCL + t.nBL + 2 - t.nCWL,
    'WR RD': t.nCWL + t.nBL + (sameGroup ? t.nWTRL : t.nWTRS),
    'ACT ACT': sameGroup ? t.nRRDL : t.nRRDS,
    'PRE REF': t.nRP,
    'REF ACT': t.nRFC,
    'REF REF': t.nRFC,
  };
  const inBank: Record<string, number> = {
    'ACT ACT': t.nRC,
    'ACT RD': t.nRCD,
    'ACT WR': t.nRCD,
    'ACT PRE': t.nRAS,
    'RD PRE': t.nRTP,
    'WR PRE': t.nCWL + t.nBL + t.nWR,
    'PRE ACT': t.nRP,
  };
  return Math.max(always[pair] ?? 0, sameBank ? (inBank[pair] ?? 0) : 0);
}

function check(part: DramPartSpec, commands: readonly Issued[]): void {
  const sorted = [...commands].sort((a, b) => a.cycle - b.cycle);
  const horizon = part.timings.nRFC + 200;
  for (const [i, second] of sorted.entries()) {
    for (let j = i - 1; j >= 0; j--) {
      const first = sorted[j] as Issued;
      if (second.cycle - first.cycle > horizon) break;
      const needed = distance(part, first, second);
      if (second.cycle - first.cycle < needed) {
        expect.fail(`${JSON.stringify(first)} then ${JSON.stringify(second)}: ${needed} cycles needed`);
      }
    }
  }
  for (let rank = 0; rank < part.ranks; rank++) {
    const activates = sorted.filter((issued) => issued.rank === rank && issued.name === 'ACT');
    for (let i = 4; i < activates.length; i++) {
      const window = (activates[i] as Issued).cycle - (activates[i - 4] as Issued).cycle;
      expect(window).toBeGreaterThanOrEqual(part.timings.nFAW);
    }
  }
  // Rows: a column command finds its row open, an activate finds its bank closed, a refresh all banks of its rank.
  const openRows = new Map<number, number>();
  for (const issued of sorted) {
    if (issued.name === 'ACT') {
      expect(openRows.has(issued.bank)).toBe(false);
      openRows.set(issued.bank, issued.row);
    } else if (issued.name === 'PRE') {
      openRows.delete(issued.bank);
    } else if (issued.name === 'REF') {
      const first = issued.rank * part.bankGroups * part.banksPerGroup;
      for (let bank = first; bank < first + part.bankGroups * part.banksPerGroup; bank++)
        expect(openRows.has(bank)).toBe(false);
    } else {
      expect(openRows.get(issued.bank)).toBe(issued.row);
    }
  }
  // One command per cycle; a precharge of all banks is one command.
  const slots = new Map<number, string>();
  for (const issued of sorted.filter((command) => !command.automatic)) {
    const what = issued.name === 'PRE' ? `PRE of rank ${issued.rank}` : JSON.stringify(issued);
    expect(slots.get(issued.cycle) ?? what).toBe(what);
    slots.set(issued.cycle, what);
  }
}

interface Access {
  readonly line: number;
  readonly isWrite: boolean;
  readonly gap: number;
}

/** Traffic with reuse of rows: few rows and banks, bursts and pauses. */
const traffic = fc.array(
  fc.record({
    line: fc.tuple(fc.nat(7), fc.nat(2 ** 12)).map(([near, far]) => far * 8 + near),
    isWrite: fc.boolean(),
    gap: fc.oneof({ weight: 8, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.nat(20_000) }),
  }),
  { minLength: 60, maxLength: 160 },
);

const controllers: Partial<DramControllerSpec>[] = [
  { rowPolicy: 'open', refresh: true },
  { rowPolicy: 'closed', refresh: true },
  { rowPolicy: 'capped', rowHitCap: 2, refresh: false },
  { rowPolicy: 'open', refresh: true, ageLimitCycles: 60, readQueueEntries: 8, writeQueueEntries: 8 },
];

function play(part: DramPartSpec, settings: Partial<DramControllerSpec>, accesses: readonly Access[]): void {
  const mapping = [
    `bank-group:${Math.log2(part.bankGroups)}`,
    'column:2',
    `rank:${Math.log2(part.ranks)}`,
    `bank:${Math.log2(part.banksPerGroup)}`,
    `column:${Math.log2(part.linesPerRow) - 2}`,
    `row:${Math.log2(part.rows)}`,
  ].join(' ');
  const dram = createDram(memorySpec(part, { ...settings, mapping }), 1);
  log.length = 0;
  let timePs = 0;
  const unanswered = new Set<number>();
  const step = (): void => {
    const tag = dram.step(0);
    if (tag !== -1) expect(unanswered.delete(tag)).toBe(true);
  };
  for (const [tag, { line, isWrite, gap }] of accesses.entries()) {
    timePs += Math.ceil(gap * part.tCKps);
    while ((dram.nextPs[0] as number) < timePs) step();
    unanswered.add(tag);
    dram.enqueue(0, line, isWrite, timePs, tag);
  }
  while ((dram.nextPs[0] as number) < Infinity) step();
  expect(unanswered.size).toBe(0);
  expect(dram.busy(0)).toBe(false);
  const statistics = dram.statistics();
  const reads = accesses.filter((access) => !access.isWrite).length;
  expect(statistics.readLines + statistics.forwardedReads).toBe(reads);
  expect(statistics.writtenLines).toBe(accesses.length - reads);
  expect(log.filter((issued) => issued.name === 'RD')).toHaveLength(statistics.readLines);
  expect(log.filter((issued) => issued.name === 'ACT')).toHaveLength(statistics.activates);
  check(part, log);
}

describe.each(['ddr4-2400', 'ddr4-3200', 'hbm2', 'mcdram', 'gddr5x'])('commands to %s', (name) => {
  beforeEach(() => {
    log.length = 0;
  });

  describe.each([1, 2])('with %d ranks', (ranks) => {
    it.each(controllers)(
      'keep all distances under random traffic, every request is answered once: %o',
      (settings) => {
        const part = { ...loadDramPart(name), ranks };
        fc.assert(
          fc.property(traffic, (accesses) => play(part, settings, accesses)),
          { seed: 20180705, numRuns: 6 },
        );
      },
    );
  });
});
