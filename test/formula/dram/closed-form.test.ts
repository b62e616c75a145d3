import { describe, expect, it } from 'vitest';
import { loadDramPart } from '../../../src/config/load.js';
import { type DramRate, dramClosedForms } from '../../../src/machine/dram/closed-form.js';
import { runDramExperiment } from '../../../src/machine/dram/experiment.js';
import type { DramMemorySpec, DramPartSpec } from '../../../src/machine/spec.js';

const PARTS = ['ddr4-2400', 'ddr4-3200', 'hbm2', 'mcdram', 'gddr5x'];
const TOLERANCE = 0.005;

/** Address bits of a part's fields as recipe elements. */
function fields(part: DramPartSpec): Record<'group' | 'column' | 'bank' | 'row', string> {
  return {
    group: `bank-group:${Math.log2(part.bankGroups)}`,
    column: `column:${Math.log2(part.linesPerRow)}`,
    bank: `bank:${Math.log2(part.banksPerGroup)}`,
    row: `row:${Math.log2(part.rows)}`,
  };
}

function memory(part: DramPartSpec, mapping: string, refresh: boolean): DramMemorySpec {
  return {
    kind: 'dram',
    part,
    controller: {
      readQueueEntries: 64,
      writeQueueEntries: 64,
      writeHighWatermark: 0.8,
      writeLowWatermark: 0.2,
      rowPolicy: 'open',
      rowHitCap: 4,
      refresh,
      mapping,
      ageLimitCycles: 100_000,
    },
    channelsPerSocket: 1,
    interleaveLines: 1,
    controllerPs: 0,
  };
}

function cyclesPerLine(part: DramPartSpec, mapping: string, refresh: boolean, requests = 40_000): number {
  const result = runDramExperiment(memory(part, mapping, refresh), {
    pattern: 'stream_r',
    mode: 'sat',
    requests,
  });
  return result.cycles / requests;
}

function within(measured: number, formula: number): void {
  expect(Math.abs(measured / formula - 1), `${measured} against ${formula}`).toBeLessThan(TOLERANCE);
}

describe.each(PARTS)('%s agrees with its closed forms', (name) => {
  const part = loadDramPart(name);
  const { group, column, bank, row } = fields(part);
  const forms = dramClosedForms(part);

  const { activate, bank: oneBank, bankGroup, stream } = forms;

  describe.each([false, true])('refresh %s', (refresh) => {
    const expected = (rate: DramRate): number => (refresh ? rate.refreshedCyclesPerLine : rate.cyclesPerLine);

    it('a stream over bank groups takes a burst per line', () => {
      within(cyclesPerLine(part, `${group} ${column} ${bank} ${row}`, refresh), expected(stream));
    });

    it('a stream inside one bank group takes tCCD_L per line', () => {
      within(cyclesPerLine(part, `${column} ${bank} ${row} ${group}`, refresh), expected(bankGroup));
    });

    it('a new row each time, all banks in turn, takes what tRRD and tFAW allow', () => {
      within(cyclesPerLine(part, `${group} ${bank} ${row} ${column}`, refresh), expected(activate));
    });

    it('a new row each time in one bank takes tRC', () => {
      within(cyclesPerLine(part, `${row} ${column} ${bank} ${group}`, refresh, 5_000), expected(oneBank));
    });
  });

  it('has the idle latencies of an open row, a closed bank and another open row', () => {
    const chase = (mapping: string, requests: number): number =>
      runDramExperiment(memory(part, mapping, false), { pattern: 'stream_r', mode: 'chase', requests })
        .averageReadLatencyNs;
    const ns = part.tCKps / 1000;
    // The first access finds the bank closed; the second hits its row, or finds another row open.
    const first = chase(`${column} ${group} ${bank} ${row}`, 1);
    expect(first / ns).toBeCloseTo(forms.idleEmpty, 1);
    const second = 2 * chase(`${column} ${group} ${bank} ${row}`, 2) - first;
    expect(second / ns).toBeCloseTo(forms.idleHit, 1);
    // Long runs of conflicts: the bank is free again when the next chase begins, unless tRC is longer than an access.
    const conflict = chase(`${row} ${column} ${bank} ${group}`, 2) * 2 - first;
    const wait = Math.max(0, part.timings.nRAS - (forms.idleEmpty + 1));
    expect(conflict / ns).toBeCloseTo(forms.idleConflict + wait, 1);
  });
});

it('random reads of DDR4-2400 are bound by tFAW', () => {
  const part = loadDramPart('ddr4-2400');
  const { group, column, bank, row } = fields(part);
  const { activate } = dramClosedForms(part);
  expect(activate.cyclesPerLine).toBe(part.timings.nFAW / 4);
  const spec = memory(part, `${group} ${column} ${bank} ${row}`, true);
  const { cycles } = runDramExperiment(spec, { pattern: 'random_r', mode: 'sat', requests: 40_000 });
  within(cycles / 40_000, activate.refreshedCyclesPerLine);
});
