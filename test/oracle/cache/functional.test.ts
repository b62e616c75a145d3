import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseGeometry } from '../../../src/machine/cache/functional/geometry.js';
import { createHierarchy, type LevelCounts } from '../../../src/machine/cache/functional/hierarchy.js';
import { referenceTrace, type TraceName } from './reference-traces.js';

/** The geometries of the references in the notation of `--caches`. */
const GEOMETRIES: Readonly<Record<string, string>> = {
  L1_32K_8w_LRU: '32K/8/lru',
  L1_1M_16w_LRU: '1M/16/lru',
  L1_32K_8w_FIFO: '32K/8/fifo',
  L1_1M_16w_FIFO: '1M/16/fifo',
  L1_32K_8w_RANDOM: '32K/8/random',
  L1_1M_16w_RANDOM: '1M/16/random',
  L1_32K_DM: '32K/1',
  'L1_32K_8w_LRU+L2_1M_16w_LRU': '32K/8/lru,1M/16/lru',
  'L1_32K_8w_FIFO+L2_1M_16w_FIFO': '32K/8/fifo,1M/16/fifo',
  'L1_32K_8w+L2_256K_8w+L3_8M_16w_LRU': '32K/8/lru,256K/8/lru,8M/16/lru',
};

/** Largest relative deviation of random replacement. */
const RANDOM_TOLERANCE = 0.005;

interface Row {
  readonly simulator: string;
  readonly trace: TraceName;
  readonly accesses: number;
  readonly geometry: string;
  readonly level: number;
  readonly reads: number;
  readonly writes: number;
  readonly readMisses: number;
  readonly writeMisses: number;
  readonly writebacks: number;
  /** Absent from Dinero's rows. */
  readonly dirtyAtEnd: number | null;
}

function readRows(): Row[] {
  const text = readFileSync(new URL('./n200000.csv', import.meta.url), 'utf8');
  return text
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => {
      const cells = line.split(',');
      const numberAt = (at: number): number => Number(cells[at]);
      return {
        simulator: cells[0] as string,
        trace: cells[1] as TraceName,
        accesses: numberAt(2),
        geometry: cells[3] as string,
        level: numberAt(4),
        reads: numberAt(5),
        writes: numberAt(6),
        readMisses: numberAt(7),
        writeMisses: numberAt(8),
        writebacks: numberAt(10),
        dirtyAtEnd: cells[11] === '' ? null : numberAt(11),
      };
    });
}

const cache = new Map<string, { before: LevelCounts[]; dirty: number[]; after: LevelCounts[] }>();

/** Counts of a trace on a geometry before and after the final flush. */
function simulate(trace: TraceName, accesses: number, geometry: string) {
  const key = `${trace} ${accesses} ${geometry}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const hierarchy = createHierarchy(parseGeometry(GEOMETRIES[geometry] as string), 1, 'normcore');
  const { lines, writes } = referenceTrace(trace, accesses);
  const first = hierarchy.first(0);
  lines.forEach((line, index) => {
    if (writes[index] === 1) first.write(line);
    else first.read(line);
  });
  const before = hierarchy.counts();
  const dirty = hierarchy.dirtyLines();
  hierarchy.flush();
  const result = { before, dirty, after: hierarchy.counts() };
  cache.set(key, result);
  return result;
}

const rows = readRows();
const isRandom = (row: Row): boolean => row.geometry.includes('RANDOM');

describe('plain caches count what the references counted', () => {
  it('covers every geometry of the rows', () => {
    expect([...new Set(rows.map((row) => row.geometry))].sort()).toEqual(Object.keys(GEOMETRIES).sort());
  });

  it.each(rows.filter((row) => !isRandom(row)))(
    '$simulator, trace $trace, $geometry, level $level: exactly',
    (row) => {
      const { before, dirty, after } = simulate(row.trace, row.accesses, row.geometry);
      const flushed = row.simulator === 'dinero4';
      const { name: _name, ...counts } = (flushed ? after : before)[row.level - 1] as LevelCounts;
      const { reads, writes, readMisses, writeMisses, writebacks } = row;
      expect(counts).toEqual({ reads, writes, readMisses, writeMisses, writebacks });
      if (row.dirtyAtEnd !== null) expect(dirty[row.level - 1]).toBe(row.dirtyAtEnd);
    },
  );

  it.each(rows.filter(isRandom))('$simulator, trace $trace, $geometry: within 0.5 %', (row) => {
    const { before, after } = simulate(row.trace, row.accesses, row.geometry);
    const counts = (row.simulator === 'dinero4' ? after : before)[row.level - 1] as LevelCounts;
    expect([counts.reads, counts.writes]).toEqual([row.reads, row.writes]);
    const deviation = (ours: number, theirs: number): number =>
      theirs === 0 ? ours : Math.abs(ours / theirs - 1);
    expect(deviation(counts.readMisses + counts.writeMisses, row.readMisses + row.writeMisses)).toBeLessThan(
      RANDOM_TOLERANCE,
    );
    expect(deviation(counts.writebacks, row.writebacks)).toBeLessThan(2 * RANDOM_TOLERANCE);
  });
});
