/** DenseNet-121 by layer type on three machines: the balance of compute and bandwidth decides what restructuring is worth. */
import { peakBandwidth, peakFlops } from '../../simulate/target.js';
import type { CsvColumn } from '../csv.js';
import { gainsOver } from '../gain.js';
import { formatFixed } from '../text-table.js';
import { figureOf, type PointFigure, requestsOf } from './figure.js';
import { groupColour, type LayerGroup, placeOf, STACK_ORDER, sumByGroup } from './layer-groups.js';
import { ticksUpTo } from './schedule-panels.js';
import { machineLabel, networkLabel, samplingNote, signedPercent } from './words.js';

const NETWORK = 'densenet121';
const MACHINES = ['skylake-sp-2s', 'knl-7210', 'titan-x-pascal'];

interface MachineRow {
  readonly machine: string;
  readonly schedule: string;
  readonly group: LayerGroup;
  readonly seconds: number;
}

const COLUMNS: readonly CsvColumn<MachineRow>[] = [
  { header: 'machine', value: ({ machine }) => machine },
  { header: 'schedule', value: ({ schedule }) => schedule },
  { header: 'layer_type', value: ({ group }) => group },
  { header: 'time_ms', value: ({ seconds }) => seconds * 1e3 },
];

/** Room for the label behind the longest bar, as a share of it. */
const LABEL_ROOM = 1.3;

/** Time by layer type on each machine. */
export const timeByMachine: PointFigure = {
  name: 'time-by-machine',
  summary: 'DenseNet-121 by layer type on Skylake, Knights Landing and the Pascal machine, baseline and bnff',
  source: 'points',
  points: MACHINES.flatMap((machine) => requestsOf(NETWORK, machine, ['baseline', 'bnff'])),
  draw: (points) => {
    const results = points.map(({ result }) => result);
    const rows = results.flatMap(({ machine, schedule, operations }) =>
      sumByGroup(operations, ({ seconds }) => seconds).map(
        ({ group, sum }): MachineRow => ({ machine, schedule, group, seconds: sum }),
      ),
    );
    const largest = Math.max(...results.map(({ seconds }) => seconds * 1e3));
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
          ms: result.seconds * 1e3,
          label: `${formatFixed(result.seconds * 1e3, 0)} ms${gain}`,
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
          title: at === machines.length - 1 ? 'time of an iteration (ms)' : null,
          values: ticksUpTo(largest),
        },
      };
      return {
        title: {
          text: `${machineLabel(machine)}: ${spec === undefined ? '' : describeBalance(spec)}`,
          fontSize: 13,
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
                .map(({ schedule, group, seconds }) => ({
                  schedule,
                  group,
                  place: placeOf(group),
                  ms: seconds * 1e3,
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
          `mini-batch ${results[0]?.batch}; gain over the baseline in parentheses`,
          samplingNote(results),
        ],
      },
      spacing: 22,
      vconcat: panels,
    });
  },
};

/** `40 cores, 3.33 TFLOP/s, 230.4 GB/s: 14 FLOP per byte`. */
function describeBalance(machine: Parameters<typeof peakFlops>[0]): string {
  const [flops, bandwidth] = [peakFlops(machine), peakBandwidth(machine)];
  return (
    `${machine.sockets * machine.coresPerSocket} cores, ${formatFixed(flops / 1e12, 2)} TFLOP/s, ` +
    `${formatFixed(bandwidth / 1e9, 1)} GB/s peak: ${formatFixed(flops / bandwidth, 1)} FLOP per byte`
  );
}
