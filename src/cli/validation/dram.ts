/** One channel of DDR4-2400 against Ramulator 2.1 and DRAMsim3. */
import { loadDramPart } from '../../config/load.js';
import { dramChannel } from '../../config/machine.js';
import { type DramExperimentResult, runDramExperiment } from '../../machine/dram/experiment.js';
import { type ReferenceMapping, referenceMapping } from '../../machine/dram/reference-mapping.js';
import type { DramPartSpec } from '../../machine/spec.js';
import { LOADED_ORACLE } from '../../report/oracles/dram-loaded.js';
import { SATURATED_ORACLE } from '../../report/oracles/dram-saturated.js';
import { readOracle } from '../../report/oracles/read-csv.js';
import { formatDeviation, type ValidationRow } from '../../report/validation.js';
import { groupBy, type ValidationPlan } from './job.js';

/** The part of the references, as shipped. */
export const REFERENCE_PART = 'ddr4-2400';

const NAMES: Readonly<Record<string, string>> = {
  'ramulator2.1_FRFCFSRowHit': 'Ramulator 2.1, FRFCFS-RowHit',
  'ramulator2.1_FRFCFS': 'Ramulator 2.1, FRFCFS',
  dramsim3: 'DRAMsim3',
};

/** Read-only streams, random reads, one bank group, one bank. */
const READ_TOLERANCE = 0.01;
const MIXED_TOLERANCE = 0.03;
const LOADED_LATENCY_TOLERANCE = 0.05;
/** Share of the peak up to which a loaded latency says more than how long the run was. */
const JUDGED_LOAD = 0.5;
/** Absolute, of row-hit rates. */
const ROW_HIT_TOLERANCE = 0.01;
/** Idle latencies: one memory cycle, and half a unit of the references' last digit. */
const ROUNDING_NS = 0.005;

/** What defines an experiment on the reference part. */
export interface ReferenceExperiment {
  readonly refresh: boolean;
  readonly mapping: ReferenceMapping;
  readonly pattern: string;
  readonly mode: string;
  readonly requests: number;
}

/** Runs experiments of the reference part with the controller that the schema's defaults describe, each once. */
export function createReferenceChannel(): {
  readonly part: DramPartSpec;
  run(experiment: ReferenceExperiment): DramExperimentResult;
} {
  const part = loadDramPart(REFERENCE_PART);
  const known = new Map<string, DramExperimentResult>();
  return {
    part,
    run({ refresh, mapping, pattern, mode, requests }) {
      const key = `${refresh} ${mapping} ${pattern} ${mode} ${requests}`;
      let result = known.get(key);
      if (result === undefined) {
        const recipe = referenceMapping(mapping, part);
        const spec = dramChannel(part, { refresh, mapping: recipe });
        result = runDramExperiment(spec, { pattern, mode, requests });
        known.set(key, result);
      }
      return result;
    },
  };
}

export type ReferenceChannel = ReturnType<typeof createReferenceChannel>;

interface Reference {
  readonly simulator: string;
  readonly experiment: ReferenceExperiment;
  readonly gbps: number;
  readonly averageNs: number;
  readonly p50Ns: number;
  readonly rowHitRate: number;
}

function readReferences(csv: string): Reference[][] {
  const references = readOracle(csv).map((row): Reference => {
    const { sim = '', pattern = '', mode = '' } = row;
    return {
      simulator: NAMES[sim] ?? sim,
      experiment: {
        refresh: row.refresh === '1',
        mapping: row.mapping === 'M1' ? 'M1' : 'M2',
        pattern,
        mode,
        requests: Number(row.requests),
      },
      gbps: Number(row.GBps),
      averageNs: Number(row.avg_read_lat_ns),
      p50Ns: Number(row.p50_ns),
      rowHitRate: Number(row.row_hit_rate),
    };
  });
  return groupBy(references, ({ experiment }) => JSON.stringify(experiment));
}

/** A closed interval. */
interface Range {
  readonly low: number;
  readonly high: number;
}

/** The span of the references of one experiment, widened: where they differ by more than the tolerance, no result agrees with both. */
function relativeRange(references: readonly number[], tolerance: number): Range {
  return { low: Math.min(...references) * (1 - tolerance), high: Math.max(...references) * (1 + tolerance) };
}

function absoluteRange(references: readonly number[], tolerance: number): Range {
  return { low: Math.min(...references) - tolerance, high: Math.max(...references) + tolerance };
}

const isWithin = (value: number, { low, high }: Range): boolean => value >= low && value <= high;
const showRange = ({ low, high }: Range, decimals: number): string =>
  `${low.toFixed(decimals)} to ${high.toFixed(decimals)}`;

const left = (header: string) => ({ header, align: 'left' as const });
const right = (header: string) => ({ header, align: 'right' as const });

const EXPERIMENT_COLUMNS = [left('pattern'), left('mapping'), left('refresh'), left('mode')];

function experimentCells({ pattern, mapping, refresh, mode }: ReferenceExperiment): string[] {
  return [pattern, mapping, refresh ? 'on' : 'off', mode];
}

/** Sustained bandwidth. */
export function planSaturated(channel: ReferenceChannel): ValidationPlan {
  return {
    title: 'DRAM at saturation',
    text:
      'One channel of DDR4-2400 (`normcore dram --part ddr4-2400 --mode sat`) against Ramulator 2.1 and DRAMsim3. Allowed is the span of the references of an experiment, ' +
      'widened by 1 % (reads or writes only) or 3 % (mixed); where two references differ by more than that, agreeing with both is impossible. Row-hit rates: 0.01. ' +
      'Latencies at saturation tell the depth of the queues, which differ between the references, and are not compared.',
    columns: [
      ...EXPERIMENT_COLUMNS,
      left('reference'),
      right('theirs/(GB/s)'),
      right('ours/(GB/s)'),
      right('deviation'),
      right('allowed/(GB/s)'),
      right('their row hits'),
      right('our row hits'),
    ],
    jobs: readReferences(SATURATED_ORACLE).map((references) => () => {
      const { experiment } = references[0] as Reference;
      const ours = channel.run(experiment);
      const tolerance = experiment.pattern.includes('rw') ? MIXED_TOLERANCE : READ_TOLERANCE;
      const allowed = relativeRange(
        references.map(({ gbps }) => gbps),
        tolerance,
      );
      return references.map(
        ({ simulator, gbps, rowHitRate }): ValidationRow => ({
          cells: [
            ...experimentCells(experiment),
            simulator,
            gbps.toFixed(3),
            ours.gbps.toFixed(3),
            formatDeviation(ours.gbps, gbps),
            showRange(allowed, 3),
            rowHitRate.toFixed(4),
            ours.rowHitRate.toFixed(4),
          ],
          passed: isWithin(ours.gbps, allowed) && Math.abs(ours.rowHitRate - rowHitRate) <= ROW_HIT_TOLERANCE,
        }),
      );
    }),
  };
}

/** Latency of an idle and of a loaded channel. */
export function planLatency(channel: ReferenceChannel): ValidationPlan {
  return {
    title: 'DRAM latency',
    text:
      'The same channel, one request outstanding (`--mode chase`) and under random arrivals (`--mode load:X`). Idle: the median within one memory cycle of the span of the references. ' +
      'Loaded: bandwidth within 1 % of it, and up to half the peak rate the average latency within 5 % of the span. Beyond that the latency is shown and not judged (-): ' +
      'past saturation it is that of an endless queue.',
    columns: [
      ...EXPERIMENT_COLUMNS,
      left('reference'),
      right('theirs/(GB/s)'),
      right('ours/(GB/s)'),
      left('latency'),
      right('theirs/ns'),
      right('ours/ns'),
      right('deviation'),
      right('allowed/ns'),
    ],
    jobs: readReferences(LOADED_ORACLE).map((references) => () => {
      const { experiment } = references[0] as Reference;
      const ours = channel.run(experiment);
      const isChase = experiment.mode === 'chase';
      const isJudged = isChase || Number(experiment.mode.slice('load:'.length)) <= JUDGED_LOAD;
      const latencyOf = ({ p50Ns, averageNs }: Reference): number => (isChase ? p50Ns : averageNs);
      const ourLatency = isChase ? ours.p50Ns : ours.averageReadLatencyNs;
      const latencies = references.map(latencyOf);
      const allowed = isChase
        ? absoluteRange(latencies, channel.part.tCKps / 1000 + ROUNDING_NS)
        : relativeRange(latencies, LOADED_LATENCY_TOLERANCE);
      const rates = relativeRange(
        references.map(({ gbps }) => gbps),
        READ_TOLERANCE,
      );
      // The rate of a chase is its latency once more.
      const isRight = (isChase || isWithin(ours.gbps, rates)) && (!isJudged || isWithin(ourLatency, allowed));
      return references.map(
        (reference): ValidationRow => ({
          cells: [
            ...experimentCells(experiment),
            reference.simulator,
            reference.gbps.toFixed(3),
            ours.gbps.toFixed(3),
            isChase ? 'median' : 'average',
            latencyOf(reference).toFixed(2),
            ourLatency.toFixed(2),
            formatDeviation(ourLatency, latencyOf(reference)),
            isJudged ? showRange(allowed, 2) : '-',
          ],
          passed: isRight,
        }),
      );
    }),
  };
}
