/**
 * The rows of two other simulators (Ramulator 2.1 and DRAMsim3) for one channel of DDR4-2400, and ours beside them. Where the two differ by more than the
 * tolerance, agreeing with both is impossible; then the result has to lie between them, widened by the tolerance.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DramExperimentResult, runDramExperiment } from '../../../src/machine/dram/experiment.js';
import { DDR4_2400, M1, M2, memorySpec } from '../../unit/dram/memory-spec.js';

interface Row {
  readonly refresh: string;
  readonly mapping: string;
  readonly pattern: string;
  readonly mode: string;
  readonly requests: string;
  readonly GBps: string;
  readonly avg_read_lat_ns: string;
  readonly p50_ns: string;
  readonly row_hit_rate: string;
}

/** Rows of both simulators that describe the same experiment. */
function readExperiments(file: string): Map<string, Row[]> {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const header = (text[0] as string).split(',');
  const experiments = new Map<string, Row[]>();
  for (const line of text.slice(1)) {
    const values = line.split(',');
    const row = Object.fromEntries(header.map((name, i) => [name, values[i]])) as unknown as Row;
    const key = `${row.pattern} ${row.mode}, mapping ${row.mapping}, refresh ${row.refresh === '1' ? 'on' : 'off'}`;
    experiments.set(key, [...(experiments.get(key) ?? []), row]);
  }
  return experiments;
}

function run(row: Row): DramExperimentResult {
  const mapping = row.mapping === 'M1' ? M1 : M2;
  const spec = memorySpec(DDR4_2400, { mapping, refresh: row.refresh === '1' });
  return runDramExperiment(spec, { pattern: row.pattern, mode: row.mode, requests: Number(row.requests) });
}

function expectWithin(ours: number, references: readonly number[], tolerance: number, what: string): void {
  const low = Math.min(...references) * (1 - tolerance);
  const high = Math.max(...references) * (1 + tolerance);
  expect(ours, `${what} against ${references.join(' and ')}`).toBeGreaterThanOrEqual(low);
  expect(ours, `${what} against ${references.join(' and ')}`).toBeLessThanOrEqual(high);
}

const numbers = (rows: readonly Row[], column: keyof Row): number[] => rows.map((row) => Number(row[column]));
/** Of a memory cycle, in nanoseconds. */
const CYCLE_NS = DDR4_2400.tCKps / 1000;

describe('saturated bandwidth', () => {
  it.each([...readExperiments('saturated.csv')])('%s', (_name, rows) => {
    const ours = run(rows[0] as Row);
    const mixed = (rows[0] as Row).pattern.includes('rw');
    expectWithin(ours.gbps, numbers(rows, 'GBps'), mixed ? 0.03 : 0.01, 'GB/s');
    for (const rate of numbers(rows, 'row_hit_rate'))
      expect(Math.abs(ours.rowHitRate - rate)).toBeLessThan(0.01);
  });
});

describe('latency', () => {
  const experiments = [...readExperiments('loaded-latency.csv')];

  it.each(experiments.filter(([, rows]) => (rows[0] as Row).mode === 'chase'))('idle: %s', (_name, rows) => {
    const ours = run(rows[0] as Row);
    const medians = numbers(rows, 'p50_ns');
    expect(ours.p50Ns).toBeGreaterThanOrEqual(Math.min(...medians) - CYCLE_NS);
    expect(ours.p50Ns).toBeLessThanOrEqual(Math.max(...medians) + CYCLE_NS);
    for (const average of numbers(rows, 'avg_read_lat_ns')) {
      expect(Math.abs(ours.averageReadLatencyNs - average)).toBeLessThan(1.3 * CYCLE_NS);
    }
  });

  it.each(experiments.filter(([, rows]) => (rows[0] as Row).mode.startsWith('load:')))(
    'loaded: %s',
    (_name, rows) => {
      const ours = run(rows[0] as Row);
      expectWithin(ours.gbps, numbers(rows, 'GBps'), 0.01, 'GB/s');
      // Beyond saturation the latency is that of an endless queue and tells nothing but how long the run was.
      if (Number((rows[0] as Row).mode.slice('load:'.length)) <= 0.5) {
        expectWithin(ours.averageReadLatencyNs, numbers(rows, 'avg_read_lat_ns'), 0.05, 'ns');
      }
    },
  );
});
