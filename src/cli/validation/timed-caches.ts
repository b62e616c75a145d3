/** Caches with timing, coherence and DRAM against the same references as plain caches. */
import { loadMachine } from '../../config/load.js';
import { LINE_BYTES } from '../../kernel/op-stream.js';
import { type LevelGeometry, parseGeometry } from '../../machine/cache/functional/geometry.js';
import type { MachineSpec } from '../../machine/spec.js';
import { CACHE_ORACLE } from '../../report/oracles/cache.js';
import { readOracle } from '../../report/oracles/read-csv.js';
import { formatDeviation, type ValidationRow } from '../../report/validation.js';
import { type AccessBatch, TraceAccess, type TraceReader } from '../../trace/access.js';
import { createPattern } from '../../trace/patterns.js';
import type { TimedLevel } from '../../trace/timed-levels.js';
import { replayTimed } from '../../trace/timed-replay.js';
import { COUNTS, GEOMETRIES, nameRow, ROW_COLUMNS, type Row, TRACES } from './caches.js';
import { groupBy, type ValidationPlan } from './job.js';

/** The snoop filter has as many sets as the last level, so that lines of one set share a set of the L1D too, of 8 ways: with more it displaces none. */
const SNOOP_FILTER_WAYS = 16;

/** The rows of two levels, but the write misses of a last level, which is not told why a line comes down. With three the L2 holds all lines of the L1D, as plain caches do not. */
export function planTimedCaches(): ValidationPlan {
  const twoLevels = readOracle(CACHE_ORACLE).filter(({ geometry = '' }) => geometry.split('+').length === 2);
  const groups = groupBy(twoLevels, ({ trace, geometry, simulator }) => `${trace} ${geometry} ${simulator}`);
  return {
    title: 'Caches with timing',
    text:
      'The rows of two levels again, on a core with an L1D and a non-inclusive last level, replayed with full timing: misses overlap, a directory keeps them coherent, DRAM serves them. ' +
      'What the caches hold must be what plain caches hold. Counts are theirs / ours; the last level does not tell write misses.',
    columns: [
      ...ROW_COLUMNS,
      ...['reads', 'writes', 'read misses', 'write misses', 'write-backs'].map((header) => ({
        header,
        align: 'right' as const,
      })),
      { header: 'largest deviation', align: 'right' },
      { header: 'tolerance', align: 'right' },
    ],
    jobs: groups.map((rows) => () => {
      const levels = count(rows[0] as Row);
      return rows.map((row) => compare(row, levels[Number(row.level) - 1] as TimedLevel));
    }),
  };
}

function count({ simulator, trace = '', geometry = '', accesses = '' }: Row): readonly TimedLevel[] {
  const [l1, last] = parseGeometry(GEOMETRIES[geometry] as string);
  const spec = machineOf(l1 as LevelGeometry, last as LevelGeometry);
  const reader = readerOf(TRACES[trace] as string, Number(accesses));
  return replayTimed(spec, [reader], { flush: simulator === 'dinero4' }).levels;
}

/** A core of the teaching machine with other caches. */
function machineOf(l1: LevelGeometry, last: LevelGeometry): MachineSpec {
  const spec = loadMachine('teaching');
  if (spec.llc === null) throw new Error('the teaching machine has lost its last level');
  return {
    ...spec,
    coresPerSocket: 1,
    l1d: { ...spec.l1d, capacityBytes: bytesOf(l1), ways: l1.ways, replacement: l1.replacement },
    l2: null,
    llc: {
      ...spec.llc,
      sliceBytes: bytesOf(last),
      slicesPerSocket: 1,
      ways: last.ways,
      replacement: last.replacement,
      inclusion: 'non-inclusive',
      snoopFilterWays: SNOOP_FILTER_WAYS,
    },
    prefetch: { kind: 'none' },
  };
}

function bytesOf({ sets, ways }: LevelGeometry): number {
  return sets * ways * LINE_BYTES;
}

function readerOf(name: string, accesses: number): TraceReader {
  const pattern = createPattern(name);
  let left = accesses;
  return {
    read({ kinds, lines }: AccessBatch) {
      const taken = Math.min(left, kinds.length);
      for (let index = 0; index < taken; index++) {
        pattern.next();
        kinds[index] = pattern.isWrite ? TraceAccess.Write : TraceAccess.Read;
        lines[index] = pattern.line;
      }
      left -= taken;
      return taken;
    },
    close() {},
  };
}

function compare(row: Row, level: TimedLevel): ValidationRow {
  const pairs = COUNTS.map(([column, key]) => ({ theirs: Number(row[column]), ours: level[key] }));
  const wrong = pairs.find(({ theirs, ours }) => ours !== null && ours !== theirs);
  return {
    cells: [
      ...nameRow(row),
      ...pairs.map(({ theirs, ours }) => (ours === null ? '-' : `${theirs} / ${ours}`)),
      wrong === undefined ? '0 %' : formatDeviation(Number(wrong.ours), wrong.theirs),
      'exact',
    ],
    passed: wrong === undefined,
  };
}
