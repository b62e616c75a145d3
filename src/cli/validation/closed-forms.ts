/** DRAM parts against what follows from their timings alone. */
import { listNames, loadDramPart } from '../../config/load.js';
import { dramChannel } from '../../config/machine.js';
import { type DramRate, dramClosedForms } from '../../machine/dram/closed-form.js';
import { runDramExperiment } from '../../machine/dram/experiment.js';
import type { DramMemorySpec, DramPartSpec } from '../../machine/spec.js';
import { formatDeviation, type ValidationRow } from '../../report/validation.js';
import type { ReferenceChannel, ReferenceExperiment } from './dram.js';
import type { ValidationJob, ValidationPlan } from './job.js';

const TOLERANCE = 0.005;
const LINE_BYTES = 64;
/** Enough for the start and the last burst to be less than a thousandth of a run. */
const REQUESTS = 40_000;
/** One bank is ten times slower. */
const BANK_REQUESTS = 5_000;

const COLUMNS: ValidationPlan['columns'] = [
  { header: 'part', align: 'left' },
  { header: 'quantity', align: 'left' },
  { header: 'refresh', align: 'left' },
  { header: 'closed form/cycles', align: 'right' },
  { header: 'closed form', align: 'right' },
  { header: 'ours', align: 'right' },
  { header: 'deviation', align: 'right' },
  { header: 'tolerance', align: 'right' },
];

/** Recipes under which consecutive lines run into one bound each. */
function recipes(part: DramPartSpec) {
  const group = `bank-group:${Math.log2(part.bankGroups)}`;
  const column = `column:${Math.log2(part.linesPerRow)}`;
  const bank = `bank:${Math.log2(part.banksPerGroup)}`;
  const rank = `rank:${Math.log2(part.ranks)}`;
  const row = `row:${Math.log2(part.rows)}`;
  return {
    stream: `${group} ${column} ${bank} ${row} ${rank}`,
    bankGroup: `${column} ${bank} ${row} ${group} ${rank}`,
    activate: `${group} ${bank} ${row} ${column} ${rank}`,
    bank: `${row} ${column} ${bank} ${group} ${rank}`,
    hit: `${column} ${group} ${bank} ${row} ${rank}`,
  };
}

function specOf(part: DramPartSpec, mapping: string, refresh: boolean): DramMemorySpec {
  // A bound of one bank shows only where the queue does not run dry and no request grows too old before its turn.
  const settings = { readQueue: 64, writeQueue: 64, ageLimit: '100000 cycles', mapping, refresh };
  return dramChannel(part, settings);
}

/** Every shipped part against its closed forms. */
export function planClosedForms(): ValidationPlan {
  return {
    title: 'DRAM closed forms',
    text:
      'Every part of `configs/dram` against what follows from its timings: sustained rates of reads under mappings that run into one bound each, in GB/s, and latencies of an idle channel, ' +
      'in ns. Tolerance: 0.5 %.',
    columns: COLUMNS,
    jobs: listNames('dram-part').flatMap((name) => jobsOf(loadDramPart(name))),
  };
}

const RATES = [
  ['stream', 'stream over bank groups'],
  ['bankGroup', 'stream inside one bank group (tCCD_L)'],
  ['activate', 'a new row each time, all banks in turn (tFAW, tRRD)'],
  ['bank', 'a new row each time, one bank (tRC)'],
] as const;

function jobsOf(part: DramPartSpec): ValidationJob[] {
  const forms = dramClosedForms(part);
  const mappings = recipes(part);
  const rates = [false, true].flatMap((refresh) =>
    RATES.map(
      ([bound, quantity]): ValidationJob =>
        () => {
          const requests = bound === 'bank' ? BANK_REQUESTS : REQUESTS;
          const spec = specOf(part, mappings[bound], refresh);
          const { gbps } = runDramExperiment(spec, { pattern: 'stream_r', mode: 'sat', requests });
          const rate: DramRate = forms[bound];
          const cycles = refresh ? rate.refreshedCyclesPerLine : rate.cyclesPerLine;
          const expected = (LINE_BYTES * 1000) / (cycles * part.tCKps);
          return [rowOf(part.name, quantity, refresh, cycles, expected, gbps, 'GB/s')];
        },
    ),
  );
  return [...rates, () => idleRows(part, mappings, forms)];
}

function idleRows(
  part: DramPartSpec,
  mappings: ReturnType<typeof recipes>,
  forms: ReturnType<typeof dramClosedForms>,
): ValidationRow[] {
  const chase = (mapping: string, requests: number): number =>
    runDramExperiment(specOf(part, mapping, false), { pattern: 'stream_r', mode: 'chase', requests })
      .averageReadLatencyNs;
  const ns = part.tCKps / 1000;
  const first = chase(mappings.hit, 1);
  // Of two reads in a chase the second finds the first one's row open, or another one.
  const hit = 2 * chase(mappings.hit, 2) - first;
  const conflict = 2 * chase(mappings.bank, 2) - first;
  // The row of the first read must stay open for tRAS, which may be longer than that read and the cycle after it.
  const wait = Math.max(0, part.timings.nRAS - (forms.idleEmpty + 1));
  const row = (quantity: string, cycles: number, ours: number): ValidationRow =>
    rowOf(part.name, quantity, false, cycles, cycles * ns, ours, 'ns');
  return [
    row('idle latency, row hit', forms.idleHit, hit),
    row('idle latency, closed bank', forms.idleEmpty, first),
    row('idle latency, row conflict', forms.idleConflict + wait, conflict),
  ];
}

function rowOf(
  part: string,
  quantity: string,
  refresh: boolean,
  cycles: number,
  expected: number,
  ours: number,
  unit: string,
): ValidationRow {
  return {
    cells: [
      part,
      quantity,
      refresh ? 'on' : 'off',
      String(Number(cycles.toFixed(3))),
      `${expected.toFixed(3)} ${unit}`,
      `${ours.toFixed(3)} ${unit}`,
      formatDeviation(ours, expected),
      '0.5 %',
    ],
    passed: Math.abs(ours / expected - 1) <= TOLERANCE,
  };
}

/** A row of the references' table of closed forms, and the experiment that measures it. */
interface ReferenceForm {
  readonly quantity: string;
  readonly cycles: number;
  /** GB/s, or ns for a latency; as the references state it. */
  readonly stated: number;
  readonly measured: string;
  readonly experiment: ReferenceExperiment;
}

const SATURATED = { mode: 'sat', requests: 100_000 } as const;
const CHASED = { mode: 'chase', refresh: false, mapping: 'M1' } as const;

/** The references' closed forms of DDR4-2400 (closed-form.csv of the reference results), which they themselves meet within 0.5 %. */
const REFERENCE_FORMS: readonly ReferenceForm[] = [
  {
    quantity: 'idle read latency, row conflict',
    cycles: 52,
    stated: 43.333,
    measured: '43.33 / 44.17',
    experiment: { ...CHASED, pattern: 'random_r', requests: 50_000 },
  },
  {
    quantity: 'idle read latency, closed row',
    cycles: 36,
    stated: 30,
    measured: '-',
    experiment: { ...CHASED, pattern: 'stream_r', requests: 1 },
  },
  {
    quantity: 'idle read latency, row hit',
    cycles: 20,
    stated: 16.667,
    measured: '16.67 / 17.50',
    experiment: { ...CHASED, pattern: 'stream_r', requests: 50_000 },
  },
  {
    quantity: 'stream, bank groups interleaved',
    cycles: 4,
    stated: 19.2,
    measured: '19.200 / 19.200',
    experiment: { ...SATURATED, refresh: false, mapping: 'M2', pattern: 'stream_r', requests: 200_000 },
  },
  {
    quantity: 'stream, bank groups interleaved',
    cycles: 4,
    stated: 18.254,
    measured: '18.261 / 18.247',
    experiment: { ...SATURATED, refresh: true, mapping: 'M2', pattern: 'stream_r', requests: 200_000 },
  },
  {
    quantity: 'stream inside one bank group (tCCD_L)',
    cycles: 6,
    stated: 12.17,
    measured: '12.17 / 12.16',
    experiment: { ...SATURATED, refresh: true, mapping: 'M2', pattern: 'stride256' },
  },
  {
    quantity: 'random reads, bound by tFAW',
    cycles: 6.5,
    stated: 11.815,
    measured: '11.818 / 11.809',
    experiment: { ...SATURATED, refresh: false, mapping: 'M2', pattern: 'random_r', requests: 200_000 },
  },
  {
    quantity: 'random reads, bound by tFAW',
    cycles: 6.5,
    stated: 11.233,
    measured: '11.232 / 11.186',
    experiment: { ...SATURATED, refresh: true, mapping: 'M2', pattern: 'random_r', requests: 200_000 },
  },
  {
    quantity: 'a new row each time, 4 banks of one group (tRC/4)',
    cycles: 13.75,
    stated: 5.325,
    measured: '5.320 / 5.316',
    experiment: { ...SATURATED, refresh: true, mapping: 'M1', pattern: 'stride32768' },
  },
  {
    quantity: 'a new row each time, one bank (tRC)',
    cycles: 55,
    stated: 1.331,
    measured: '1.334 / 1.331',
    experiment: { ...SATURATED, refresh: true, mapping: 'M1', pattern: 'stride131072' },
  },
];

/** The references' own closed forms. */
export function planReferenceForms(channel: ReferenceChannel): ValidationPlan {
  return {
    title: "DRAM closed forms of the references' table",
    text:
      'Bounds that were derived from the timings of DDR4-2400 beside the references; measured is Ramulator 2.1 / DRAMsim3. Cycles are per line or per read, without refresh. ' +
      'Tolerance: 0.5 % of the bound for rates, one memory cycle for latencies.',
    columns: [
      { header: 'quantity', align: 'left' },
      { header: 'refresh', align: 'left' },
      { header: 'bound/cycles', align: 'right' },
      { header: 'bound', align: 'right' },
      { header: 'measured by the references', align: 'right' },
      { header: 'ours', align: 'right' },
      { header: 'deviation', align: 'right' },
      { header: 'tolerance', align: 'right' },
    ],
    jobs: REFERENCE_FORMS.map(({ quantity, cycles, stated, measured, experiment }) => () => {
      const isLatency = experiment.mode === 'chase';
      const { gbps, p50Ns } = channel.run(experiment);
      const ours = isLatency ? p50Ns : gbps;
      const unit = isLatency ? 'ns' : 'GB/s';
      const passed = isLatency
        ? Math.abs(ours - stated) <= channel.part.tCKps / 1000
        : Math.abs(ours / stated - 1) <= TOLERANCE;
      return [
        {
          cells: [
            quantity,
            experiment.refresh ? 'on' : 'off',
            String(cycles),
            `${stated} ${unit}`,
            measured,
            `${ours.toFixed(3)} ${unit}`,
            formatDeviation(ours, stated),
            isLatency ? '1 memory cycle' : '0.5 %',
          ],
          passed,
        },
      ];
    }),
  };
}
