/**
 * The settings of a machine file and of a DRAM part file: names, units, ranges, defaults and sentences, declared here and nowhere else.
 * What they become is `MachineSpec` and `DramPartSpec` of `machine/spec.ts` (see `machine.ts`); what cannot go together is in `machine-checks.ts`.
 */
import { z } from 'zod';
import { choice, count, flag, quantity, ratio, section, text, toJsonSchema } from './schema.js';

/** Most cores of a machine: sharer masks are four 32-bit words. */
export const MAX_CORES = 128;
/** Most sockets: the socket link joins two. */
export const MAX_SOCKETS = 2;

const replacement = choice(
  ['lru', 'fifo', 'random', 'plru', 'srrip'],
  'Which line of a full set gives way.',
).default('lru');

const core = section(
  {
    frequency: quantity(
      'frequency',
      { min: '1 MHz', max: '20 GHz' },
      'Clock of the cores and their private caches.',
    ),
    issueWidth: count(1, 64, 'Fused micro-ops dispatched per cycle.'),
    window: count(
      1,
      4096,
      'Reorder-buffer entries: how far ahead of the oldest unfinished instruction the core can look.',
    ),
    loadQueue: count(1, 4096, 'Loads in flight at most.'),
    storeQueue: count(1, 4096, 'Stores in flight at most.'),
    vectorBits: z.literal([128, 256, 512]).meta({
      description: 'Width of a vector register; 512 bits are a 64-byte line of 16 single-precision numbers.',
    }),
    vectorRegisters: count(
      8,
      4096,
      'Architectural vector registers: they bound the register blocking of convolutions.',
    ),
    fmaUnits: count(1, 64, 'Fused multiply-add pipelines, each taking one vector per cycle.'),
    fmaLatency: quantity(
      'cycles',
      { min: '1 cycle', max: '100 cycles' },
      'From operands to result of a fused multiply-add.',
    ),
    loadPorts: count(1, 64, 'Vector loads per cycle.'),
    storePorts: count(1, 64, 'Vector stores per cycle.'),
  },
  'One core.',
);

function cacheSettings(level: string, missSentence: string) {
  return {
    capacity: quantity(
      'bytes',
      { min: '64 B', max: '1 GiB' },
      `Capacity of one ${level}. capacity / (ways x 64 B) must be a power of two.`,
    ),
    ways: count(1, 64, 'Associativity.'),
    replacement,
    latency: quantity(
      'cycles',
      { min: '1 cycle', max: '2000 cycles' },
      `Load-to-use latency of a hit in the ${level}, in core cycles.`,
    ),
    mshrs: count(1, 4096, missSentence),
    sharedBy: count(1, MAX_CORES, 'Cores that share one instance; 1 is private.').default(1),
  };
}

const l1d = section(
  cacheSettings('L1D', 'Outstanding misses of one L1D: the fill buffers.'),
  'The L1D. Its bandwidth is that of the load ports.',
);

const l2 = section(
  {
    ...cacheSettings('L2', 'Lines that one L2 can have outstanding beyond it.'),
    cyclesPerLine: ratio(
      1 / 64,
      64,
      'Core cycles that the L2 needs to hand one line upwards: 1 is 64 B per cycle.',
    ),
  },
  'The L2.',
);

const llc = section(
  {
    sliceCapacity: quantity(
      'bytes',
      { min: '64 B', max: '1 GiB' },
      'Capacity of one slice. sliceCapacity / (ways x 64 B) must be a power of two.',
    ),
    slicesPerSocket: count(1, MAX_CORES, 'Slices of a socket; lines are spread over them by a hash.'),
    ways: count(1, 64, 'Associativity of a slice.'),
    replacement,
    latency: quantity(
      'time',
      { min: '0 ps', max: '10 us' },
      'Latency of a slice itself, without the way there and back.',
    ),
    occupancy: quantity(
      'time',
      { min: '0 ps', max: '1 us' },
      'Time for which one request keeps a slice busy: 64 B / occupancy is its bandwidth.',
    ),
    inclusion: choice(
      ['victim', 'inclusive', 'non-inclusive'],
      'victim: filled by what the level above evicts, gives up what one cache takes; with a snoop filter. inclusive: filled by misses, holds every line above it. non-inclusive: filled by misses, gives up a line without taking it away above; with a snoop filter.',
    ),
    snoopFilterWays: count(
      0,
      64,
      'Ways of the snoop filter, which has as many sets as the slice; 0 for an inclusive level, whose tags are the directory.',
    ).default(0),
  },
  'The level shared by all cores of a socket.',
);

const prefetchPage = quantity(
  'bytes',
  { min: '128 B', max: '1 GiB' },
  'Nothing is fetched beyond the page of this size that the access lies in. A power of two.',
).prefault('4 KiB');

const prefetch = z
  .discriminatedUnion('kind', [
    section({ kind: z.literal('none') }, 'No prefetcher.'),
    section(
      {
        kind: z.literal('next-line'),
        degree: count(1, 64, 'Lines fetched behind one.').default(1),
        page: prefetchPage,
      },
      'The lines behind one that missed, or behind a prefetched one at its first use (tagged prefetch).',
    ),
    section(
      {
        kind: z.literal('stride'),
        index: choice(
          ['stream', 'page'],
          'What tells streams apart: the number of the line stream, which stands for the address of the instruction, or the page. ' +
            'Replays of traces, whose accesses name no stream, always go by page.',
        ).default('stream'),
        entries: count(1, 1024, 'Streams tracked by one core.').default(64),
        degree: count(1, 64, 'Lines requested per access at most.').default(2),
        distance: count(1, 1024, 'How far ahead of the newest demand line it may run, in strides.'),
        page: prefetchPage,
      },
      'The lines that a constant stride foretells, by a reference prediction table.',
    ),
    section(
      {
        kind: z.literal('streamer'),
        streams: count(1, 1024, 'Streams tracked by one core.'),
        degree: count(1, 64, 'Lines requested per trigger at most.'),
        distance: count(1, 1024, 'How far ahead of the newest demand line it may run, in lines.'),
        page: prefetchPage,
      },
      'The lines ahead of an ascending or descending sequence of accesses to a page.',
    ),
  ])
  .meta({
    description: 'The hardware prefetcher of a core, beside the L2 (beside the L1D where there is no L2).',
  })
  .default({ kind: 'none' });

const hop = (sentence: string) => quantity('time', { min: '0 ps', max: '1 us' }, sentence);
const linkBandwidth = (what: string) =>
  quantity(
    'bandwidth',
    { min: '1 MB/s', whole: false },
    `Of ${what}. A line takes 72 B of it, an address message 8 B. With infinite bandwidth messages have latency only.`,
  ).prefault('infinite');

const interconnect = z
  .discriminatedUnion('kind', [
    section(
      {
        kind: z.literal('mesh'),
        columns: count(1, MAX_CORES, 'Columns of tiles.'),
        rows: count(1, MAX_CORES, 'Rows of tiles.'),
        hop: hop('Latency of one hop, one way.'),
        linkBandwidth: linkBandwidth('each link between neighbours, per direction'),
      },
      'Tiles in columns and rows; a message goes along its row first, then along the column.',
    ),
    section(
      {
        kind: z.literal('ring'),
        hop: hop('Latency of one hop, one way.'),
        linkBandwidth: linkBandwidth('each link between neighbours, per direction'),
      },
      'Tiles on a bidirectional ring; a message goes the shorter way round.',
    ),
    section(
      {
        kind: z.literal('crossbar'),
        hop: hop('Latency of a crossing, one way.'),
        linkBandwidth: linkBandwidth('the port through which a tile receives'),
      },
      'Every tile as near to every other.',
    ),
  ])
  .meta({ description: 'What joins the cores, the slices and the memory controllers of a socket.' });

const socketLink = section(
  {
    latency: quantity(
      'time',
      { min: '0 ps', max: '100 us' },
      'Added one-way latency of crossing to the other socket.',
    ),
    bandwidth: quantity(
      'bandwidth',
      { min: '1 MB/s', whole: false },
      'Per direction. A line takes 72 B of it, an address message 8 B.',
    ),
  },
  'What joins two sockets; required for two, absent for one.',
);

/** The controller of a DRAM channel. */
export const dramControllerSchema = section(
  {
    readQueue: count(1, 1024, 'Read requests that a channel can choose from.').default(32),
    writeQueue: count(1, 1024, 'Write requests that a channel can hold back.').default(32),
    writeHighWatermark: ratio(0, 1, 'Share of the write queue at which a write drain starts.').default(0.8),
    writeLowWatermark: ratio(
      0,
      1,
      'Share of the write queue at which a write drain stops; below the high one.',
    ).default(0.2),
    rowPolicy: choice(
      ['open', 'closed', 'capped'],
      'When a row is closed: on demand, after each access, or after `rowHitCap` accesses.',
    ).default('open'),
    rowHitCap: count(
      1,
      65536,
      'Accesses served from an open row before it is closed, with the capped policy.',
    ).default(16),
    refresh: flag('Whether the rows are refreshed; switching it off serves comparisons only.').default(true),
    mapping: text(
      'Address bits from the lowest line-address bit up, for example `bank-group:2^row column:7 bank:2^row+2 rank:1 row:16`, where `^row+k` hashes with ' +
        'the row from its bit k up; the channel is taken before them. Absent: this order and hash in the widths of the part, so that consecutive ' +
        'lines alternate bank groups and strides do not meet in one bank.',
    ).optional(),
    ageLimit: quantity(
      'cycles',
      { min: '1 cycle', max: '1e9 cycles' },
      'Age in memory cycles beyond which the oldest request goes first whatever its row, so that none starves.',
    ).prefault('2000 cycles'),
  },
  'The memory controller of a channel: first ready, first come, first served, with a write queue drained between two watermarks.',
);

const memory = z
  .discriminatedUnion('kind', [
    section(
      {
        kind: z.literal('dram'),
        part: text('A part of configs/dram by name, or the path of a part file.'),
        ranks: count(1, 16, "Ranks of a channel; absent: the part's own.").optional(),
        channelsPerSocket: count(1, 64, 'Channels of one socket.'),
        interleave: quantity(
          'bytes',
          { min: '64 B', max: '1 GiB' },
          'Consecutive bytes on one channel before the next one; a multiple of the 64-byte line.',
        ).prefault('256 B'),
        controllerLatency: quantity(
          'time',
          { min: '0 ps', max: '100 us' },
          'Way from a slice to the controller and back beside the interconnect, in total, without the DRAM itself.',
        ),
        controller: dramControllerSchema.prefault({}),
      },
      'Channels with ranks, bank groups, banks and row buffers, from the timings of a part.',
    ),
    section(
      {
        kind: z.literal('ideal'),
        latency: quantity(
          'time',
          { min: '0 ps', max: '1 ms' },
          'Latency of an access from the last level on.',
        ),
        bandwidth: quantity('bandwidth', { min: '1 MB/s', whole: false }, 'Per socket; infinite is legal.'),
        channelsPerSocket: count(1, 64, 'Channels that share the bandwidth evenly.').default(1),
      },
      'Bandwidth and latency only, for sweeps over ideal bandwidth.',
    ),
  ])
  .meta({ description: 'Main memory.' });

/** A controller's data with quantities in base units. */
export type DramControllerConfig = z.output<typeof dramControllerSchema>;
/** A controller's settings as they are written in a machine file: quantities with units, any of them left out. */
export type DramControllerSettings = z.input<typeof dramControllerSchema>;

/** A machine file. */
export const machineSchema = section(
  {
    name: text('Name, as the file is called.'),
    description: text('One line for lists.'),
    extends: text(
      'Name or path of a machine that this one is laid over: settings given here replace its own, one by one.',
    ).optional(),
    sockets: count(1, MAX_SOCKETS, 'Sockets, each with its own last level and memory.').default(1),
    coresPerSocket: count(1, MAX_CORES, `Cores of one socket; ${MAX_CORES} in the whole machine at most.`),
    core,
    l1d,
    l2: l2.nullable().default(null),
    llc: llc.nullable().default(null),
    prefetch,
    interconnect,
    socketLink: socketLink.nullable().default(null),
    memory,
    pagePlacement: choice(
      ['first-touch', 'interleave', 'first-socket'],
      "Which socket's memory a page lives in: that of the core that touches it first, alternating, or the first.",
    ).default('first-touch'),
    pageSize: quantity(
      'bytes',
      { min: '64 B', max: '1 GiB' },
      'Grain of the page placement. A power of two.',
    ).prefault('4 KiB'),
  },
  'A machine.',
);
/** A machine file's data with quantities in base units. */
export type MachineConfig = z.output<typeof machineSchema>;

const clocks = (sentence: string) => count(0, 1_000_000, sentence);

/** A DRAM part file. */
export const dramPartSchema = section(
  {
    name: text('Name, as the file is called.'),
    description: text('One line for lists.'),
    source: text('Where the timings come from.'),
    clockPeriod: quantity(
      'time',
      { min: '1 ps', max: '100 ns', whole: false },
      'Period of the clock that the timings count.',
    ),
    channelBits: count(8, 1024, 'Data bits of one channel.'),
    ranks: count(1, 16, 'Ranks of a channel.'),
    bankGroups: count(1, 64, 'Bank groups of a rank. A power of two.'),
    banksPerGroup: count(1, 64, 'Banks of a bank group. A power of two.'),
    rows: count(1, 2 ** 24, 'Rows of a bank. A power of two.'),
    rowBytes: quantity(
      'bytes',
      { min: '64 B', max: '1 MiB' },
      'Bytes of one open row of a channel and rank. A power of two.',
    ),
    timings: section(
      {
        nBL: count(1, 1024, 'Data burst of one 64-byte line.'),
        nCL: clocks('Read command to data.'),
        nCWL: clocks('Write command to data.'),
        nRCD: clocks('Activate to read or write.'),
        nRP: clocks('Precharge to activate.'),
        nRAS: clocks('Activate to precharge.'),
        nRC: clocks('Activate to activate of one bank.'),
        nWR: clocks('End of write data to precharge.'),
        nRTP: clocks('Read to precharge.'),
        nCCDS: clocks('Column command to column command, other bank group.'),
        nCCDL: clocks('Column command to column command, same bank group.'),
        nRRDS: clocks('Activate to activate, other bank group.'),
        nRRDL: clocks('Activate to activate, same bank group.'),
        nWTRS: clocks('End of write data to read, other bank group.'),
        nWTRL: clocks('End of write data to read, same bank group.'),
        nFAW: clocks('Window in which a rank takes four activates at most.'),
        nRFC: clocks('Refresh to any command of the rank.'),
        nREFI: count(1, 10_000_000, 'Refresh to refresh.'),
        nRTRS: clocks('Bus turnaround between ranks.'),
      },
      'Timings in cycles of the memory clock, by their JEDEC names.',
    ),
  },
  'A DRAM part as one channel sees it.',
);
/** A DRAM part file's data with quantities in base units. */
export type DramPartConfig = z.output<typeof dramPartSchema>;

/**
 * JSON Schema of machine files: a file that extends another may leave anything out, every other file must be complete.
 */
export function machineJsonSchema(title: string): Record<string, unknown> {
  const { $schema, title: _title, ...whole } = toJsonSchema(machineSchema, title);
  return { $schema, title, anyOf: [whole, { ...(withoutRequired(whole) as object), required: ['extends'] }] };
}

/** Nothing required; where variants were told apart by a required `kind`, more than one may now fit. */
function withoutRequired(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutRequired);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(([key, value]) => key !== 'required' || !Array.isArray(value));
  return Object.fromEntries(
    entries.map(([key, value]) => [key === 'oneOf' ? 'anyOf' : key, withoutRequired(value)]),
  );
}
