/** Machines as people read them. */
import { formatQuantity } from '../config/units.js';
import { tilesOf } from '../machine/chip.js';
import { linksAcrossMiddle, linksOf } from '../machine/interconnect/topology.js';
import type { MachineSpec, MemorySpec, PrivateCacheSpec } from '../machine/spec.js';
import { renderTable } from './table.js';

const LINE_BYTES = 64;

/** What the list of machines shows of one. */
export interface MachineSummary {
  readonly name: string;
  readonly cores: number;
  /** Single precision, a fused multiply-add counting two, 1e9 FLOP/s. */
  readonly peakGflops: number;
  /** Of main memory, all sockets, 1e9 B/s. */
  readonly peakGBps: number;
  readonly description: string;
}

/** Size and peaks of a machine. */
export function summariseMachine(machine: MachineSpec): MachineSummary {
  const cores = machine.sockets * machine.coresPerSocket;
  const { frequencyHz, fmaUnits, vectorBits } = machine.core;
  const flopsPerCycle = 2 * fmaUnits * (vectorBits / 32);
  return {
    name: machine.name,
    cores,
    peakGflops: (cores * flopsPerCycle * frequencyHz) / 1e9,
    peakGBps: (machine.sockets * socketBandwidth(machine.memory)) / 1e9,
    description: machine.description,
  };
}

/** Peak of one socket's memory, bytes per second: one line per burst on every channel. */
function socketBandwidth(memory: MemorySpec): number {
  if (memory.kind === 'ideal') return memory.bytesPerSecond;
  const burstPs = memory.part.timings.nBL * memory.part.tCKps;
  return (memory.channelsPerSocket * LINE_BYTES * 1e12) / burstPs;
}

/** Every setting of a machine by section, with units, the peaks on top. */
export function describeMachine(machine: MachineSpec): string {
  const summary = summariseMachine(machine);
  const sections: [string, [string, string][]][] = [
    [
      'peaks',
      [
        ['single precision', `${summary.peakGflops.toFixed(0)} GFLOPS`],
        ['main memory', formatQuantity(round(summary.peakGBps * 1e9), 'bandwidth')],
        [
          'balance',
          Number.isFinite(summary.peakGBps)
            ? `${(summary.peakGflops / summary.peakGBps).toFixed(1)} FLOP per byte`
            : '0 FLOP per byte',
        ],
      ],
    ],
    ['chip', chipRows(machine)],
    ['core', coreRows(machine)],
    ['L1D', cacheRows(machine.l1d, (machine.core.loadPorts * machine.core.vectorBits) / 8)],
    [
      'L2',
      machine.l2 === null ? [['', 'none']] : cacheRows(machine.l2, LINE_BYTES / machine.l2.cyclesPerLine),
    ],
    ['last level', llcRows(machine)],
    ['prefetcher', prefetchRows(machine)],
    ['main memory', memoryRows(machine.memory)],
  ];
  const rows = sections.flatMap(([title, entries]) =>
    entries.map(([label, value], index) => [index === 0 ? title : '', label, value]),
  );
  return `${machine.name}: ${machine.description}\n\n${renderTable(rows)}`;
}

function chipRows(machine: MachineSpec): [string, string][] {
  const { interconnect, socketLink } = machine;
  const shape =
    interconnect.kind === 'mesh'
      ? `mesh of ${interconnect.columns} x ${interconnect.rows} tiles`
      : interconnect.kind;
  const rows: [string, string][] = [
    ['sockets x cores', `${machine.sockets} x ${machine.coresPerSocket}`],
    [
      'interconnect',
      `${shape}, ${formatQuantity(interconnect.hopPs, 'time')} per ${interconnect.kind === 'crossbar' ? 'crossing' : 'hop'}`,
    ],
  ];
  if (interconnect.linkBytesPerSecond === Infinity) rows.push(['links', 'no bandwidth limit']);
  else {
    const tiles = tilesOf(machine);
    const across = linksAcrossMiddle(interconnect, tiles);
    const perLink = formatQuantity(interconnect.linkBytesPerSecond, 'bandwidth');
    const bisection = formatQuantity(round(across * interconnect.linkBytesPerSecond), 'bandwidth');
    rows.push([
      'links',
      `${linksOf(interconnect, tiles).length} per socket, ${perLink} each; ${across} across the middle each way: ${bisection}`,
    ]);
  }
  if (socketLink !== null) {
    const { bytesPerSecond, latencyPs } = socketLink;
    rows.push([
      'socket link',
      `${formatQuantity(bytesPerSecond, 'bandwidth')} per direction, ${formatQuantity(latencyPs, 'time')} one way`,
    ]);
  }
  rows.push(['pages', `${formatQuantity(machine.pageBytes, 'bytes')}, ${machine.pagePlacement}`]);
  return rows;
}

function coreRows({ core }: MachineSpec): [string, string][] {
  return [
    ['frequency', formatQuantity(core.frequencyHz, 'frequency')],
    ['issue width', `${core.issueWidth} micro-ops per cycle`],
    ['window', `${core.windowEntries} micro-ops`],
    ['load, store queue', `${core.loadQueueEntries}, ${core.storeQueueEntries} entries`],
    ['vectors', `${core.vectorRegisters} registers of ${core.vectorBits} bits`],
    [
      'fused multiply-add',
      `${core.fmaUnits} per cycle, latency ${formatQuantity(core.fmaLatencyCycles, 'cycles')}`,
    ],
    ['load, store ports', `${core.loadPorts}, ${core.storePorts} vectors per cycle`],
  ];
}

/** @param bytesPerCycle what the cache hands upwards */
function cacheRows(cache: PrivateCacheSpec, bytesPerCycle: number): [string, string][] {
  const sets = cache.capacityBytes / (cache.ways * LINE_BYTES);
  return [
    [
      'capacity',
      `${formatQuantity(cache.capacityBytes, 'bytes')}, ${cache.ways} ways, ${sets} sets, ${cache.replacement}`,
    ],
    ['shared by', cache.sharedBy === 1 ? 'one core' : `${cache.sharedBy} cores`],
    ['latency', formatQuantity(cache.latencyCycles, 'cycles')],
    ['bandwidth', `${Number(bytesPerCycle.toPrecision(3))} B per cycle`],
    ['outstanding misses', `${cache.mshrs} lines`],
  ];
}

function llcRows({ llc }: MachineSpec): [string, string][] {
  if (llc === null) return [['', 'none']];
  const sets = llc.sliceBytes / (llc.ways * LINE_BYTES);
  const perSlice =
    llc.occupancyPs === 0
      ? 'infinite'
      : formatQuantity(round((LINE_BYTES * 1e12) / llc.occupancyPs), 'bandwidth');
  return [
    [
      'slices per socket',
      `${llc.slicesPerSocket} of ${formatQuantity(llc.sliceBytes, 'bytes')}, ${llc.ways} ways, ${sets} sets, ${llc.replacement}`,
    ],
    [
      'inclusion',
      llc.inclusion === 'inclusive'
        ? llc.inclusion
        : `${llc.inclusion}, snoop filter of ${llc.snoopFilterWays} ways`,
    ],
    ['latency', `${formatQuantity(llc.latencyPs, 'time')} without the way there`],
    ['bandwidth', `${perSlice} per slice`],
  ];
}

function prefetchRows({ prefetch }: MachineSpec): [string, string][] {
  if (prefetch.kind === 'none') return [['', 'none']];
  const within = `within ${formatQuantity(prefetch.pageBytes, 'bytes')}`;
  switch (prefetch.kind) {
    case 'next-line':
      return [[prefetch.kind, `${prefetch.degree} per trigger, ${within}`]];
    case 'stride': {
      const { index, entries, degree, distanceStrides } = prefetch;
      return [
        [
          prefetch.kind,
          `${entries} entries by ${index}, ${degree} per access, ${distanceStrides} strides ahead, ${within}`,
        ],
      ];
    }
    case 'streamer': {
      const { streams, degree, distanceLines } = prefetch;
      return [
        [prefetch.kind, `${streams} streams, ${degree} per trigger, ${distanceLines} lines ahead, ${within}`],
      ];
    }
  }
}

function memoryRows(memory: MemorySpec): [string, string][] {
  if (memory.kind === 'ideal') {
    return [
      [
        'ideal',
        `${formatQuantity(memory.bytesPerSecond, 'bandwidth')} per socket over ${memory.channelsPerSocket} channels`,
      ],
      ['latency', formatQuantity(memory.latencyPs, 'time')],
    ];
  }
  const { part, controller } = memory;
  const banks = `${part.ranks} ranks x ${part.bankGroups} bank groups x ${part.banksPerGroup} banks`;
  return [
    [
      'channels per socket',
      `${memory.channelsPerSocket} of ${part.name}, ${formatQuantity(memory.interleaveLines * LINE_BYTES, 'bytes')} each in turn`,
    ],
    [
      'channel',
      `${part.channelBits} bits, ${banks}, rows of ${formatQuantity(part.linesPerRow * LINE_BYTES, 'bytes')}`,
    ],
    [
      'clock',
      `${formatQuantity(part.tCKps, 'time')}, CL-RCD-RP ${part.timings.nCL}-${part.timings.nRCD}-${part.timings.nRP}`,
    ],
    ['queues', `${controller.readQueueEntries} reads, ${controller.writeQueueEntries} writes`],
    [
      'write drain',
      `from ${percent(controller.writeHighWatermark)} down to ${percent(controller.writeLowWatermark)} of the queue`,
    ],
    [
      'row policy',
      controller.rowPolicy === 'capped' ? `capped at ${controller.rowHitCap} accesses` : controller.rowPolicy,
    ],
    ['refresh', controller.refresh ? 'on' : 'off'],
    ['mapping', controller.mapping],
    ['controller', `${formatQuantity(memory.controllerPs, 'time')} there and back`],
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

/** Six digits: 833.3333 ps is a period of which the last digits mean nothing. */
function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : value;
}
