/**
 * Machines that cannot be: settings that are legal one by one and impossible together, each refused with its reason.
 *
 * A check sees only settings that are all right in themselves (`undefined` otherwise), so that one mistake does not raise a second complaint.
 */
import { type DramPartConfig, MAX_CORES, type MachineConfig } from './machine-schema.js';
import { formatQuantity } from './units.js';
import type { Partially, Report } from './validate.js';

const LINE_BYTES = 64;

type Machine = Partially<MachineConfig>;
type Part = Partially<DramPartConfig>;

/** Checks a machine file without its memory part. */
export function checkMachine(machine: Machine, report: Report): void {
  checkCores(machine, report);
  checkSets(machine.l1d?.capacity, machine.l1d?.ways, ['l1d', 'capacity'], report);
  checkSets(machine.l2?.capacity, machine.l2?.ways, ['l2', 'capacity'], report);
  checkSets(machine.llc?.sliceCapacity, machine.llc?.ways, ['llc', 'sliceCapacity'], report);
  checkReplacement(machine.l1d, 'l1d', report);
  checkReplacement(machine.l2, 'l2', report);
  checkReplacement(machine.llc, 'llc', report);
  checkPrivateLevels(machine, report);
  checkLastLevel(machine, report);
  checkInterconnect(machine, report);
  checkSocketLink(machine, report);
  checkPages(machine, report);
  checkController(machine, report);
}

function checkCores({ sockets, coresPerSocket }: Machine, report: Report): void {
  if (sockets !== undefined && coresPerSocket !== undefined && sockets * coresPerSocket > MAX_CORES) {
    const total = sockets * coresPerSocket;
    report(
      ['coresPerSocket'],
      `${sockets} sockets of ${coresPerSocket} cores are ${total} cores; at most ${MAX_CORES} are modelled`,
    );
  }
}

function checkSets(
  capacity: number | undefined,
  ways: number | undefined,
  path: string[],
  report: Report,
): void {
  if (capacity === undefined || ways === undefined) return;
  const sets = capacity / (ways * LINE_BYTES);
  if (isPowerOfTwo(sets)) return;
  const near = 2 ** Math.max(0, Math.round(Math.log2(sets)));
  const example = formatQuantity(near * ways * LINE_BYTES, 'bytes');
  report(
    path,
    `${formatQuantity(capacity, 'bytes')} in ${ways} ways of 64 B lines are ${Number(sets.toFixed(2))} sets; the set is chosen by address bits, ` +
      `so their number must be a power of two. ${ways} ways make ${near} sets of ${example}`,
  );
}

/** A tree of halves needs ways that can be halved. */
function checkReplacement(
  level: { readonly ways?: number; readonly replacement?: string } | null | undefined,
  name: string,
  report: Report,
): void {
  if (level?.replacement !== 'plru' || level.ways === undefined || isPowerOfTwo(level.ways)) return;
  report(
    [name, 'replacement'],
    `plru is a binary tree over the ways, and ${level.ways} is not a power of two`,
  );
}

function checkPrivateLevels({ l1d, l2, coresPerSocket }: Machine, report: Report): void {
  if (l1d?.sharedBy !== undefined && l1d.sharedBy !== 1) {
    report(['l1d', 'sharedBy'], `the L1D belongs to one core: ${l1d.sharedBy} cannot share it. Allowed: 1`);
  }
  const sharers = l2?.sharedBy;
  if (sharers !== undefined && coresPerSocket !== undefined) {
    if (sharers > coresPerSocket) {
      report(
        ['l2', 'sharedBy'],
        `${sharers} cores cannot share an L2 where a socket has ${coresPerSocket} cores`,
      );
    } else if (coresPerSocket % sharers !== 0) {
      report(
        ['l2', 'sharedBy'],
        `${coresPerSocket} cores cannot be divided into groups of ${sharers} that share an L2 each`,
      );
    }
  }
  if (l1d?.latency !== undefined && l2?.latency !== undefined && l2.latency <= l1d.latency) {
    report(
      ['l2', 'latency'],
      `an L2 hit after ${l2.latency} cycles is not later than the L1D's ${l1d.latency}, which is looked up first`,
    );
  }
}

function checkLastLevel({ l1d, l2, llc, coresPerSocket }: Machine, report: Report): void {
  if (llc === undefined || llc === null) return;
  if (llc.inclusion !== undefined && llc.inclusion !== 'inclusive' && llc.snoopFilterWays === 0) {
    report(
      ['llc', 'snoopFilterWays'],
      `a ${llc.inclusion} level need not hold what the caches above hold, so without a snoop filter nothing knows where those lines are. Allowed: 1 to 64`,
    );
  }
  if (llc.inclusion === 'inclusive' && llc.snoopFilterWays !== undefined && llc.snoopFilterWays !== 0) {
    report(
      ['llc', 'snoopFilterWays'],
      'the tags of an inclusive level are the directory; it has no snoop filter. Allowed: 0',
    );
  }
  if (
    llc.inclusion !== 'inclusive' ||
    coresPerSocket === undefined ||
    llc.sliceCapacity === undefined ||
    llc.slicesPerSocket === undefined
  )
    return;
  const l1Bytes = l1d?.capacity;
  const l2Bytes =
    l2 === null
      ? 0
      : l2?.capacity !== undefined && l2.sharedBy !== undefined
        ? l2.capacity / l2.sharedBy
        : undefined;
  if (l1Bytes === undefined || l2Bytes === undefined) return;
  const above = coresPerSocket * (l1Bytes + l2Bytes);
  const own = llc.sliceCapacity * llc.slicesPerSocket;
  if (own < above) {
    report(
      ['llc', 'sliceCapacity'],
      `an inclusive level of ${formatQuantity(own, 'bytes')} per socket cannot hold the ${formatQuantity(above, 'bytes')} of the caches above it`,
    );
  }
}

function checkInterconnect({ interconnect, coresPerSocket, l2, llc }: Machine, report: Report): void {
  if (interconnect?.kind !== 'mesh' || interconnect.columns === undefined || interconnect.rows === undefined)
    return;
  const slices = llc === null ? 0 : llc?.slicesPerSocket;
  const sharers = l2 === null ? 1 : l2?.sharedBy;
  if (coresPerSocket === undefined || slices === undefined || sharers === undefined) return;
  const needed = Math.max(Math.ceil(coresPerSocket / sharers), slices);
  const tiles = interconnect.columns * interconnect.rows;
  if (tiles < needed) {
    report(
      ['interconnect', 'columns'],
      `a mesh of ${interconnect.columns} x ${interconnect.rows} = ${tiles} tiles has no place for the ${needed} tiles of a socket ` +
        `(${coresPerSocket} cores${sharers > 1 ? `, ${sharers} to a tile` : ''}, ${slices} slices)`,
    );
  }
}

function checkSocketLink({ sockets, socketLink }: Machine, report: Report): void {
  if (sockets === 2 && socketLink === null) {
    report(['socketLink'], 'is missing: without a link there is no route between the two sockets');
  }
  if (sockets === 1 && socketLink !== undefined && socketLink !== null) {
    report(['socketLink'], 'leads nowhere: the machine has one socket');
  }
}

function checkPages({ pageSize, prefetch }: Machine, report: Report): void {
  checkPower(pageSize, ['pageSize'], 'pages are told apart by address bits', report, 'bytes');
  if (prefetch === undefined || !('page' in prefetch)) return;
  checkPower(prefetch.page, ['prefetch', 'page'], 'pages are told apart by address bits', report, 'bytes');
}

function checkController({ memory }: Machine, report: Report): void {
  if (memory?.kind !== 'dram') return;
  const { controller, interleave } = memory;
  if (interleave !== undefined && interleave % LINE_BYTES !== 0) {
    report(
      ['memory', 'interleave'],
      `${formatQuantity(interleave, 'bytes')} is not a multiple of the 64-byte line`,
    );
  }
  const problem = describeWatermarks(controller?.writeLowWatermark, controller?.writeHighWatermark);
  if (problem !== undefined) report(['memory', 'controller', 'writeLowWatermark'], problem);
}

/** What is wrong with the shares of the write queue between which a drain runs; undefined where nothing is. */
export function describeWatermarks(low: number | undefined, high: number | undefined): string | undefined {
  if (low === undefined || high === undefined || low < high) return undefined;
  return `a write drain that starts at ${high} of the queue cannot stop at ${low}; the low watermark must be below the high one`;
}

/** Checks a DRAM part file. */
export function checkPart(part: Part, report: Report): void {
  const bits = 'it is chosen by address bits';
  checkPower(part.ranks, ['ranks'], bits, report);
  checkPower(part.bankGroups, ['bankGroups'], bits, report);
  checkPower(part.banksPerGroup, ['banksPerGroup'], bits, report);
  checkPower(part.rows, ['rows'], bits, report);
  checkPower(part.rowBytes, ['rowBytes'], bits, report, 'bytes');
  if (part.channelBits !== undefined && (LINE_BYTES * 8) % part.channelBits !== 0) {
    report(['channelBits'], `a 64-byte line is no whole number of ${part.channelBits}-bit transfers`);
  }
  if (part.bankGroups !== undefined && part.banksPerGroup !== undefined) {
    const banks = part.bankGroups * part.banksPerGroup;
    if (banks > MAX_BANKS_OF_RANK)
      report(['banksPerGroup'], `makes ${banks} banks a rank; ${MAX_BANKS_OF_RANK} can be modelled`);
  }
  const timings = part.timings;
  if (timings === undefined) return;
  const { nREFI: _, ...delays } = timings;
  const sum = Object.values(delays).reduce((cycles, delay) => cycles + (delay ?? 0), 0);
  if (sum > MAX_DELAY_CYCLES) {
    report(
      ['timings'],
      `all but nREFI add up to ${sum} cycles; ${MAX_DELAY_CYCLES} can be modelled (DDR4-3200 has about 900)`,
    );
  }
  for (const [short, long, reason] of ORDERED) {
    const shorter = timings[short];
    const longer = timings[long];
    if (shorter !== undefined && longer !== undefined && longer < shorter) {
      report(['timings', long], `${longer} cycles are fewer than the ${shorter} of ${short}: ${reason}`);
    }
  }
}

/** What the DRAM model's tables reach: banks of a rank are the bits of a word, and a delay is a field of a scheduling key (`KEY` in machine/dram/layout.ts). */
export const MAX_BANKS_OF_RANK = 32;
export const MAX_DELAY_CYCLES = 2 ** 14 - 1;

/** Timings of which the second cannot be shorter than the first. */
const ORDERED: readonly (readonly [
  keyof DramPartConfig['timings'],
  keyof DramPartConfig['timings'],
  string,
])[] = [
  ['nCCDS', 'nCCDL', 'one bank group cannot be faster than two'],
  ['nRRDS', 'nRRDL', 'one bank group cannot be faster than two'],
  ['nWTRS', 'nWTRL', 'one bank group cannot be faster than two'],
  ['nRAS', 'nRC', 'a bank cannot be activated again before it may be precharged'],
  ['nRRDS', 'nFAW', 'four activates take at least as long as two'],
  ['nRFC', 'nREFI', 'the refreshes would leave no time for anything else'],
];

/** Checks the settings of a machine's memory that depend on its part. */
export function checkMapping(
  mapping: string,
  part: Pick<DramPartConfig, FieldCount>,
  ranks: number,
  report: Report,
): void {
  const path = ['memory', 'controller', 'mapping'];
  const given = new Map<string, number>();
  for (const element of mapping.trim().split(/\s+/)) {
    const match = /^(column|bank-group|bank|rank|row):(\d+)(?:\^row(?:\+\d+)?)?$/.exec(element);
    if (match === null) {
      report(
        path,
        `"${element}" is not a mapping element. Allowed: column, bank-group, bank, rank or row, then ":" and its bits, then "^row" to hash it`,
      );
      return;
    }
    const field = match[1] as string;
    given.set(field, (given.get(field) ?? 0) + Number(match[2]));
  }
  for (const [field, bits] of fieldBits(part, ranks)) {
    const has = given.get(field) ?? 0;
    if (has !== bits) report(path, `gives the ${field} ${has} bits, but the part needs ${bits}`);
  }
}

type FieldCount = 'bankGroups' | 'banksPerGroup' | 'rows' | 'rowBytes';

/** Address bits of each field of a channel. */
export function fieldBits(part: Pick<DramPartConfig, FieldCount>, ranks: number): [string, number][] {
  return [
    ['bank-group', Math.log2(part.bankGroups)],
    ['column', Math.log2(part.rowBytes / LINE_BYTES)],
    ['bank', Math.log2(part.banksPerGroup)],
    ['rank', Math.log2(ranks)],
    ['row', Math.log2(part.rows)],
  ];
}

function checkPower(
  value: number | undefined,
  path: string[],
  reason: string,
  report: Report,
  dimension?: 'bytes',
): void {
  if (value === undefined || isPowerOfTwo(value)) return;
  const shown = dimension === undefined ? String(value) : formatQuantity(value, dimension);
  report(path, `${shown} is not a power of two; ${reason}`);
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(value) && Number.isInteger(Math.log2(value));
}
