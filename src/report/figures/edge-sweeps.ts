/** Sweeps over the feature maps of one CONV-BN-ReLU-CONV edge, simulated, beside those counted from the dataflow. */
import type { SimulatedSweeps } from '../../simulate/edge.js';
import type { CsvColumn } from '../csv.js';
import { formatFixed } from '../text-table.js';
import { type EdgeFigure, figureOf } from './figure.js';
import { PASSES, type Pass } from './operations.js';
import { COLOURS } from './theme.js';
import { machineLabel } from './words.js';

const KINDS: readonly {
  readonly key: keyof SimulatedSweeps;
  readonly label: string;
  readonly colour: string;
}[] = [
  { key: 'read', label: 'read', colour: COLOURS.blue },
  { key: 'written', label: 'written', colour: COLOURS.orange },
  {
    key: 'writeAllocate',
    label: 'read on account of a store (write-allocate, not in the count)',
    colour: COLOURS.lightGrey,
  },
];

interface SweepRow {
  readonly variant: string;
  readonly pass: Pass;
  readonly simulated: SimulatedSweeps;
  /** Reads and writes together. */
  readonly counted: number;
}

const COLUMNS: readonly CsvColumn<SweepRow>[] = [
  { header: 'schedule', value: ({ variant }) => variant },
  { header: 'pass', value: ({ pass }) => pass },
  { header: 'simulated_read_sweeps', value: ({ simulated }) => simulated.read },
  { header: 'simulated_written_sweeps', value: ({ simulated }) => simulated.written },
  { header: 'simulated_write_allocate_sweeps', value: ({ simulated }) => simulated.writeAllocate },
  { header: 'counted_sweeps', value: ({ counted }) => counted },
];

/** A path of a mark: an upright line. */
const UPRIGHT = 'M0,-1V1';
const COUNTED = 'counted from the dataflow';
/** Room for the label behind the longest bar, as a share of it. */
const LABEL_ROOM = 1.15;

/** Sweeps per edge by schedule, forward and backward. */
export const edgeSweeps: EdgeFigure = {
  name: 'edge-sweeps',
  summary: 'simulated sweeps of one CONV-BN-ReLU-CONV edge by schedule, forward and backward',
  source: 'edge',
  // What `normcore edge` measures when nothing else is asked for.
  edge: { machine: 'teaching', channels: 128, image: 14 },
  draw: ({ machine, batch, cores, totalCores, mapBytes, variants }, { channels, image }) => {
    const rows = variants.flatMap(({ name, counted, result }) =>
      PASSES.map(
        (pass): SweepRow => ({
          variant: name,
          pass,
          simulated: result[pass],
          counted: counted[pass],
        }),
      ),
    );
    const sumOf = ({ simulated }: SweepRow) => KINDS.reduce((sum, { key }) => sum + simulated[key], 0);
    const largest = Math.max(...rows.map(sumOf));
    const panels = PASSES.map((pass) => {
      const own = rows.filter((row) => row.pass === pass);
      const y = {
        field: 'variant',
        type: 'nominal' as const,
        sort: own.map(({ variant }) => variant),
        title: null,
        scale: { paddingInner: 0.3, paddingOuter: 0.2 },
        axis: pass === 'forward' ? { ticks: false, domain: false, labelPadding: 8 } : null,
      };
      const x = {
        type: 'quantitative' as const,
        scale: { domain: [0, largest * LABEL_ROOM], nice: false },
        axis: { title: 'sweeps (multiples of one feature map)', tickCount: 7 },
      };
      return {
        title: { text: pass, fontSize: 13, offset: 8 },
        width: 360,
        height: { step: 28 },
        layer: [
          {
            data: {
              values: own.flatMap(({ variant, simulated }) =>
                KINDS.map(({ key, label }, place) => ({
                  variant,
                  kind: label,
                  place,
                  sweeps: simulated[key],
                })),
              ),
            },
            mark: { type: 'bar' as const, stroke: 'white', strokeWidth: 0.4 },
            encoding: {
              y,
              x: { ...x, field: 'sweeps', stack: 'zero' as const },
              color: {
                field: 'kind',
                type: 'nominal' as const,
                scale: { domain: KINDS.map(({ label }) => label), range: KINDS.map(({ colour }) => colour) },
                legend: { title: null, orient: 'top' as const, direction: 'horizontal' as const },
              },
              order: { field: 'place', type: 'quantitative' as const, sort: 'ascending' as const },
            },
          },
          {
            data: { values: own.map(({ variant, counted }) => ({ variant, counted, mark: COUNTED })) },
            mark: { type: 'point' as const, size: 700, strokeWidth: 3, color: 'black', opacity: 1 },
            encoding: {
              y,
              x: { ...x, field: 'counted' },
              shape: {
                field: 'mark',
                type: 'nominal' as const,
                scale: { domain: [COUNTED], range: [UPRIGHT] },
                legend: { title: null, orient: 'bottom' as const, symbolSize: 200 },
              },
            },
          },
          {
            data: {
              values: own.map((row) => ({
                variant: row.variant,
                end: sumOf(row),
                label: formatFixed(row.simulated.read + row.simulated.written, 2),
              })),
            },
            mark: { type: 'text' as const, align: 'left' as const, dx: 6 },
            encoding: { y, x: { ...x, field: 'end' }, text: { field: 'label' } },
          },
        ],
      };
    });
    const part = cores === totalCores ? `${cores} cores` : `${cores} of ${totalCores} cores`;
    return figureOf(COLUMNS, rows, {
      description: 'Sweeps over the feature maps of one CONV-BN-ReLU-CONV edge by schedule',
      title: {
        text: 'Sweeps over the feature maps of one CONV-BN-ReLU-CONV edge',
        subtitle: [
          `simulated lines, cold caches: ${batch} × ${channels} × ${image} × ${image} elements on ${machineLabel(machine)} (${part} simulated); a sweep there is ${formatFixed(mapBytes / 1e6, 1)} MB`,
          'numbers: simulated reads and writes together; black marks: the same, counted from the dataflow (docs/paper.md, derived)',
        ],
      },
      spacing: 24,
      hconcat: panels,
    });
  },
};
