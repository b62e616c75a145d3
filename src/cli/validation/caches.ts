/** Plain caches against Dinero IV and an independent reference, count by count. */
import { parseGeometry } from '../../machine/cache/functional/geometry.js';
import { createHierarchy, type LevelCounts } from '../../machine/cache/functional/hierarchy.js';
import { CACHE_ORACLE } from '../../report/oracles/cache.js';
import { readOracle } from '../../report/oracles/read-csv.js';
import { formatDeviation, type ValidationRow } from '../../report/validation.js';
import { DEFAULT_SEED } from '../../sweep/point-options.js';
import { createPattern } from '../../trace/patterns.js';
import type { TimedLevel } from '../../trace/timed-levels.js';
import { groupBy, type ValidationPlan } from './job.js';

/** The references' traces as patterns; they are shorter than the 4,194,304 accesses after which the stream starts over. */
export const TRACES: Readonly<Record<string, string>> = { a: 'stream_r', b: 'random_r', c: 'mixed' };

/** The references' geometries in the notation of `normcore replay --caches`. */
export const GEOMETRIES: Readonly<Record<string, string>> = {
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

/** Two streams of random victims agree statistically only. */
const RANDOM_TOLERANCE = 0.005;

/** Counts of a row, in the order of the columns: the table's name, and where ours is, of plain caches and of those with timing. */
export const COUNTS: readonly (readonly [string, Exclude<keyof LevelCounts & keyof TimedLevel, 'name'>])[] = [
  ['reads', 'reads'],
  ['writes', 'writes'],
  ['read_misses', 'readMisses'],
  ['write_misses', 'writeMisses'],
  ['writebacks', 'writebacks'],
];

/** A row of the references' table, by column. */
export type Row = Readonly<Record<string, string>>;

/** What names a row, and its columns. */
export const ROW_COLUMNS: ValidationPlan['columns'] = [
  { header: 'reference', align: 'left' },
  { header: 'trace', align: 'left' },
  { header: 'accesses', align: 'right' },
  { header: 'caches', align: 'left' },
  { header: 'level', align: 'right' },
];

export function nameRow({ simulator, trace = '', accesses = '', geometry = '', level = '' }: Row): string[] {
  const reference = simulator === 'dinero4' ? 'Dinero IV, flush' : 'reference, no flush';
  return [reference, trace, accesses, geometry, level];
}

interface Counted {
  readonly before: readonly LevelCounts[];
  readonly dirty: readonly number[];
  readonly after: readonly LevelCounts[];
}

/** The cache rows. */
export function planCaches(): ValidationPlan {
  const groups = groupBy(readOracle(CACHE_ORACLE), ({ trace, geometry }) => `${trace} ${geometry}`);
  return {
    title: 'Caches',
    text:
      'Plain caches (`normcore replay --functional`) against Dinero IV, which writes dirty lines down at the end (flush), and an independent reference, which does not. ' +
      'Counts are theirs / ours. LRU, FIFO and direct mapping have to agree exactly, random replacement within 0.5 % of misses and of write-backs.',
    columns: [
      ...ROW_COLUMNS,
      ...['reads', 'writes', 'read misses', 'write misses', 'write-backs', 'dirty at the end'].map(
        (header) => ({ header, align: 'right' as const }),
      ),
      { header: 'largest deviation', align: 'right' },
      { header: 'tolerance', align: 'right' },
    ],
    jobs: groups.map((rows) => () => {
      const counted = count(rows[0] as Row);
      return rows.map((row) => compare(row, counted));
    }),
  };
}

function count({ trace = '', geometry = '', accesses = '' }: Row): Counted {
  const hierarchy = createHierarchy(parseGeometry(GEOMETRIES[geometry] as string), 1, DEFAULT_SEED);
  const pattern = createPattern(TRACES[trace] as string);
  const first = hierarchy.first(0);
  const total = Number(accesses);
  for (let access = 0; access < total; access++) {
    pattern.next();
    if (pattern.isWrite) first.write(pattern.line);
    else first.read(pattern.line);
  }
  const before = hierarchy.counts();
  const dirty = hierarchy.dirtyLines();
  hierarchy.flush();
  return { before, dirty, after: hierarchy.counts() };
}

function compare(row: Row, { before, dirty, after }: Counted): ValidationRow {
  const { simulator = '', geometry = '', level = '' } = row;
  const at = Number(level) - 1;
  const ours = (simulator === 'dinero4' ? after : before)[at] as LevelCounts;
  const pairs = COUNTS.map(([column, key]) => ({ theirs: Number(row[column]), ours: ours[key] }));
  const hasDirty = row.dirty_at_end !== '';
  if (hasDirty) pairs.push({ theirs: Number(row.dirty_at_end), ours: dirty[at] as number });
  const cells = pairs.map((pair) => `${pair.theirs} / ${pair.ours}`);
  const isRandom = geometry.includes('RANDOM');
  // Reads and writes miss at random in one stream of misses: their sum is what a statistical reference fixes.
  const judged = isRandom ? [...pairs.slice(0, 2), missesOf(pairs), pairs[4] as Pair] : pairs;
  const worst = judged.reduce((most, pair) => (deviation(pair) > deviation(most) ? pair : most));
  return {
    cells: [
      ...nameRow(row),
      ...cells,
      ...(hasDirty ? [] : ['-']),
      formatDeviation(worst.ours, worst.theirs),
      isRandom ? '0.5 %' : 'exact',
    ],
    passed: deviation(worst) <= (isRandom ? RANDOM_TOLERANCE : 0),
  };
}

interface Pair {
  readonly theirs: number;
  readonly ours: number;
}

function missesOf(pairs: readonly Pair[]): Pair {
  const [, , read, write] = pairs as readonly [Pair, Pair, Pair, Pair];
  return { theirs: read.theirs + write.theirs, ours: read.ours + write.ours };
}

function deviation({ theirs, ours }: Pair): number {
  if (theirs === ours) return 0;
  return theirs === 0 ? Infinity : Math.abs(ours / theirs - 1);
}
