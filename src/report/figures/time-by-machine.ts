/** DenseNet-121 by layer type on three machines: the balance of compute and bandwidth decides what restructuring is worth. */
import type { PointResult } from '../../simulate/point.js';
import { peakBandwidth, peakFlops } from '../../simulate/target.js';
import type { CsvColumn } from '../csv.js';
import { gainsOver } from '../gain.js';
import { formatFixed } from '../text-table.js';
import { figureOf, type PointFigure, requestsOf } from './figure.js';
import { groupColour, type LayerGroup, placeOf, STACK_ORDER, sumByGroup } from './layer-groups.js';
import { ticksUpTo } from './theme.js';
import { machineLabel, networkLabel, samplingNote, signedPercent } from './words.js';

const NETWORK = 'densenet121';
/**
 * With mini-batches that give every core the same number of whole images: a share of few cores stands for the chip then, where 120 images would
 * take eight times as long on 64 cores, and more memory than the Pascal card has.
 */
const MACHINES = [
  { machine: 'skylake-sp-2s', batch: 120 },
  { machine: 'knl-7210', batch: 128 },
  { machine: 'titan-x-pascal', batch: 28 },
];

interface MachineRow {
  readonly machine: string;
  readonly batch: number;
  readonly schedule: string;
  readonly group: LayerGroup;
  /** Of an iteration / images of the mini-batch. */
  readonly msPerImage: number;
}

const COLUMNS: readonly CsvColumn<MachineRow>[] = [
  { header: 'machine', value: ({ machine }) => machine },
  { header: 'batch_images', value: ({ batch }) => batch },
  { header: 'schedule', value: ({ schedule }) => schedule },
  { header: 'layer_type', value: ({ group }) => group },
  { header: 'time_per_image_ms', value: ({ msPerImage }) => msPerImage },
];

/** Room for the label behind the longest bar, as a share of it. */
const LABEL_ROOM = 1.3;

/** Time by layer type on each machine. */
export const timeByMachine: PointFigure = {
  name: 'time-by-machine',
  summary: 'DenseNet-121 by layer type on Skylake, Knights Landing and the Pascal machine, baseline and bnff',
  source: 'points',
  points: MACHINES.flatMap(({ machine, batch }) =>
    requestsOf(NETWORK, machine, ['baseline', 'bnff']).map((request) => ({ ...request, batch })),
  ),
  draw: (points) => {
    const results = points.map(({ result }) => result);
    const rows = results.flatMap(({ machine, batch, schedule, operations }) =>
      sumByGroup(operations, ({ seconds }) => seconds).map(
        ({ group, sum }): MachineRow => ({
          machine,
          batch,
          schedule,
          group,
          msPerImage: (sum * 1e3) / batch,
        }),
      ),
    );
    const largest = Math.max(...results.map(msPerImage));
    const machines = [...new Set(results.map(({ machine }) => machine))];
    const panels = machines.map((machine, at) => {
      const own = points.filter(({ result }) => result.machine === machine);
      const baseline = own.find(({ result }) => result.schedule === 'baseline')?.result;
      const spec = own[0]?.settings.machine;
      const labels = own.map(({ result }) => {
        const gain =
          baseline === undefined || result === baseline
            ? ''
            : ` (${signedPercent(gainsOver(baseline, result).total)})`;
        return {
          schedule: result.schedule,
          ms: msPerImage(result),
          label: `${formatFixed(msPerImage(result), 2)} ms${gain}`,
        };
      });
      const y = {
        field: 'schedule',
        type: 'nominal' as const,
        sort: labels.map(({ schedule }) => schedule),
        title: null,
        scale: { paddingInner: 0.25, paddingOuter: 0.15 },
        axis: { ticks: false, domain: false, labelPadding: 8 },
      };
      const x = {
        type: 'quantitative' as const,
        scale: { domain: [0, largest * LABEL_ROOM], nice: false },
        axis: {
          title: at === machines.length - 1 ? 'time per image (ms)' : null,
          values: ticksUpTo(largest),
        },
      };
      return {
        title: {
          text: `${machineLabel(machine)}: ${spec === undefined ? '' : describeBalance(spec)}, mini-batch ${own[0]?.result.batch}`,
          fontSize: 12,
          fontWeight: 'normal' as const,
          offset: 6,
        },
        width: 560,
        height: { step: 27 },
        layer: [
          {
            data: {
              values: rows
                .filter((row) => row.machine === machine)
                .map(({ schedule, group, msPerImage: ms }) => ({
                  schedule,
                  group,
                  place: placeOf(group),
                  ms,
                })),
            },
            mark: { type: 'bar' as const, stroke: 'white', strokeWidth: 0.4 },
            encoding: {
              y,
              x: { ...x, field: 'ms', stack: 'zero' as const },
              color: groupColour(),
              order: STACK_ORDER,
            },
          },
          {
            data: { values: labels },
            mark: { type: 'text' as const, align: 'left' as const, dx: 6 },
            encoding: { y, x: { ...x, field: 'ms' }, text: { field: 'label' } },
          },
        ],
      };
    });
    return figureOf(COLUMNS, rows, {
      description: `Time of a training iteration of ${networkLabel(NETWORK)} by layer type on ${machines.length} machines`,
      title: {
        text: `${networkLabel(NETWORK)} by layer type on three machines`,
        subtitle: [
          'time of a training iteration / images of its mini-batch; gain over the baseline in parentheses',
          samplingNote(results),
        ],
      },
      spacing: 22,
      vconcat: panels,
    });
  },
};

function msPerImage({ seconds, batch }: PointResult): number {
  return (seconds * 1e3) / batch;
}

/** `40 cores, 3.33 TFLOP/s, 230.4 GB/s: 14 FLOP per byte`. */
function describeBalance(machine: Parameters<typeof peakFlops>[0]): string {
  const [flops, bandwidth] = [peakFlops(machine), peakBandwidth(machine)];
  return (
    `${machine.sockets * machine.coresPerSocket} cores, ${formatFixed(flops / 1e12, 2)} TFLOP/s, ` +
    `${formatFixed(bandwidth / 1e9, 1)} GB/s peak: ${formatFixed(flops / bandwidth, 1)} FLOP per byte`
  );
}
