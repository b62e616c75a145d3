/** Every operation under the roofline of the machine: what it does per byte that really moved, and how fast. */
import { ridgePoint } from '../../bound/roofline.js';
import type { OperationResult } from '../../simulate/point.js';
import { peakBandwidth, peakFlops } from '../../simulate/target.js';
import type { CsvColumn } from '../csv.js';
import { formatFixed } from '../text-table.js';
import { figureOf, MACHINE, type PointFigure, requestsOf } from './figure.js';
import { groupColour, type LayerGroup, layerGroupOf } from './layer-groups.js';
import { dramBytes } from './operations.js';
import { rimmedText } from './rimmed-text.js';
import { encloseByPowersOfTen, REFERENCE_GREY, ticksUpTo } from './theme.js';
import { machineLabel, networkLabel, samplingNote } from './words.js';

const NETWORK = 'densenet121';

/** An operation in the figure's terms. */
export interface RooflineRow {
  readonly schedule: string;
  readonly operation: string;
  readonly pass: OperationResult['phase'];
  readonly group: LayerGroup;
  readonly ms: number;
  readonly gflop: number;
  readonly bytes: number;
  /** FLOP per byte; null where no byte moved. */
  readonly intensity: number | null;
  readonly gflops: number;
}

const COLUMNS: readonly CsvColumn<RooflineRow>[] = [
  { header: 'schedule', value: ({ schedule }) => schedule },
  { header: 'operation', value: ({ operation }) => operation },
  { header: 'pass', value: ({ pass }) => pass },
  { header: 'layer_type', value: ({ group }) => group },
  { header: 'time_ms', value: ({ ms }) => ms },
  { header: 'work_GFLOP', value: ({ gflop }) => gflop },
  { header: 'dram_GB', value: ({ bytes }) => bytes / 1e9 },
  { header: 'intensity_FLOP_per_byte', value: ({ intensity }) => intensity },
  { header: 'achieved_GFLOP_per_s', value: ({ gflops }) => gflops },
];

/** An operation's place under the roofline. */
export function rooflineRow(schedule: string, operation: OperationResult): RooflineRow {
  const bytes = dramBytes(operation);
  return {
    schedule,
    operation: operation.name,
    pass: operation.phase,
    group: layerGroupOf(operation.type),
    ms: operation.seconds * 1e3,
    gflop: operation.flops / 1e9,
    bytes,
    intensity: bytes === 0 ? null : operation.flops / bytes,
    gflops: operation.seconds === 0 ? 0 : operation.flops / 1e9 / operation.seconds,
  };
}

/** Whether both logarithmic axes have a place for it. */
function isDrawn({ intensity, gflops }: RooflineRow): boolean {
  return intensity !== null && intensity > 0 && gflops > 0;
}

/** Roofline of every operation, baseline beside bnff. */
export const roofline: PointFigure = {
  name: 'roofline',
  summary: 'every operation of DenseNet-121 under the roofline of the Skylake machine, baseline and bnff',
  source: 'points',
  points: requestsOf(NETWORK, MACHINE, ['baseline', 'bnff']),
  draw: (points) => {
    const machine = points[0]?.settings.machine;
    if (machine === undefined) throw new Error('a roofline needs a point');
    const results = points.map(({ result }) => result);
    const rows = results.flatMap(({ schedule, operations }) =>
      operations.map((operation) => rooflineRow(schedule, operation)),
    );
    const drawn = rows.filter(isDrawn);
    const peaks = { bytesPerSecond: peakBandwidth(machine), flopsPerSecond: peakFlops(machine) };
    const ridge = ridgePoint(peaks);
    const [gbps, gflops] = [peaks.bytesPerSecond / 1e9, peaks.flopsPerSecond / 1e9];
    const intensities = drawn.map(({ intensity }) => intensity as number);
    const xAxis = encloseByPowersOfTen([...intensities, ridge]);
    const [left, right] = xAxis.scale.domain as [number, number];
    const yAxis = encloseByPowersOfTen([...drawn.map((row) => row.gflops), gflops]);
    const bottom = yAxis.scale.domain[0] as number;
    const x = {
      type: 'quantitative' as const,
      scale: xAxis.scale,
      axis: { title: 'operational intensity (FLOP per DRAM byte)', ...xAxis.ticks },
    };
    // Where the slanted roof enters the panel: at its left edge or through its floor.
    const entry = Math.max(left, bottom / gbps);
    const roof = [
      { intensity: entry, gflops: entry * gbps },
      { intensity: ridge, gflops },
      { intensity: right, gflops },
    ];
    // The slanted roof's label stands left of it, well below the ridge.
    const low = ridge / 12;
    const roofs = [
      {
        intensity: ridge,
        gflops,
        label: `FMA peak ${formatFixed(gflops / 1e3, 2)} TFLOP/s`,
        look: { align: 'left', dx: 2, dy: -16 },
      },
      {
        intensity: low,
        gflops: low * gbps,
        label: `DRAM peak ${formatFixed(gbps, 1)} GB/s`,
        look: { align: 'right', dx: -8, dy: -6 },
      },
    ] as const;
    const largestMs = Math.max(...drawn.map(({ ms }) => ms));
    const sizes = ticksUpTo(largestMs).filter((ms) => ms > 0);
    const panels = results.map(({ schedule }, at) => {
      const y = {
        type: 'quantitative' as const,
        scale: yAxis.scale,
        axis: { title: at === 0 ? 'achieved (GFLOP/s)' : null, ...yAxis.ticks },
      };
      const own = drawn.filter((row) => row.schedule === schedule);
      return {
        title: {
          text: `${schedule}: ${own.length} operations`,
          fontSize: 13,
          offset: 8,
        },
        width: 430,
        height: 350,
        layer: [
          {
            data: { values: roof },
            mark: { type: 'line' as const, color: 'black', strokeWidth: 1.5 },
            encoding: { x: { ...x, field: 'intensity' }, y: { ...y, field: 'gflops' } },
          },
          {
            data: {
              values: own.map(({ group, ms, intensity, gflops }) => ({ group, ms, intensity, gflops })),
            },
            mark: { type: 'point' as const, filled: true, opacity: 0.55 },
            encoding: {
              x: { ...x, field: 'intensity' },
              y: { ...y, field: 'gflops' },
              color: groupColour({ title: 'layer type', orient: 'right', symbolOpacity: 1 }),
              size: {
                field: 'ms',
                type: 'quantitative' as const,
                scale: { domain: [0, largestMs], range: [3, 320] },
                legend: {
                  title: 'time (ms)',
                  orient: 'right',
                  values: sizes,
                  symbolFillColor: REFERENCE_GREY,
                },
              },
            },
          },
          ...roofs.flatMap(({ look, ...value }) =>
            rimmedText(
              {
                data: { values: [value] },
                encoding: {
                  x: { ...x, field: 'intensity' },
                  y: { ...y, field: 'gflops' },
                  text: { field: 'label' },
                },
              },
              look,
            ),
          ),
        ],
      };
    });
    return figureOf(COLUMNS, rows, {
      description: `Roofline of the operations of a training iteration of ${networkLabel(NETWORK)}`,
      title: {
        text: `Roofline of every operation of ${networkLabel(NETWORK)}`,
        subtitle: [
          `mini-batch ${results[0]?.batch} on ${machineLabel(MACHINE)}, forward, backward and update; intensity from simulated DRAM bytes`,
          `${samplingNote(results)}; ${rows.length - drawn.length} operations without FLOP or without DRAM bytes are in the CSV only`,
        ],
      },
      spacing: 30,
      hconcat: panels,
    });
  },
};
