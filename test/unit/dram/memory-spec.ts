import type { DramControllerSpec, DramMemorySpec, DramPartSpec } from '../../../src/machine/spec.js';

/** The part of the reference experiments: DDR4-2400R 16-16-16, 8 Gb x8, one 64-bit channel with one rank. */
export const DDR4_2400: DramPartSpec = {
  name: 'ddr4-2400',
  tCKps: 2500 / 3,
  channelBits: 64,
  ranks: 1,
  bankGroups: 4,
  banksPerGroup: 4,
  rows: 65536,
  linesPerRow: 128,
  timings: {
    nBL: 4,
    nCL: 16,
    nCWL: 12,
    nRCD: 16,
    nRP: 16,
    nRAS: 39,
    nRC: 55,
    nWR: 18,
    nRTP: 9,
    nCCDS: 4,
    nCCDL: 6,
    nRRDS: 4,
    nRRDL: 6,
    nWTRS: 3,
    nWTRL: 9,
    nFAW: 26,
    nRFC: 420,
    nREFI: 9360,
    nRTRS: 2,
  },
};

/** The same with a clock of whole picoseconds, so that times convert without rounding. */
export const ROUND_CLOCK: DramPartSpec = { ...DDR4_2400, name: 'round-clock', tCKps: 1000 };

/** The mappings of the reference experiments. */
export const M1 = 'column:7 bank-group:2 bank:2 row:16';
export const M2 = 'bank-group:2 column:7 bank:2 row:16';

/** One channel of a part without refresh, as in the references; settings given replace those of the controller. */
export function memorySpec(part: DramPartSpec, controller: Partial<DramControllerSpec> = {}): DramMemorySpec {
  return {
    kind: 'dram',
    part,
    controller: {
      readQueueEntries: 32,
      writeQueueEntries: 32,
      writeHighWatermark: 0.8,
      writeLowWatermark: 0.2,
      rowPolicy: 'open',
      rowHitCap: 4,
      refresh: false,
      mapping: M1,
      ageLimitCycles: 2000,
      ...controller,
    },
    channelsPerSocket: 1,
    interleaveLines: 1,
    controllerPs: 0,
  };
}

/** A place in a channel: fields as address bits choose them, before hashing is undone. */
export interface Place {
  readonly column: number;
  readonly 'bank-group': number;
  readonly bank: number;
  readonly rank: number;
  readonly row: number;
}

/** The line at a place, by reading the recipe bit by bit: the inverse of the mapping, written independently of it. */
export function lineAtPlace(recipe: string, place: Place): number {
  const used: Record<string, number> = {};
  let line = 0;
  let weight = 1;
  for (const element of recipe.split(' ')) {
    const [, field = '', bits, hash] = /^([a-z-]+):(\d+)(?:\^row\+?(\d*))?$/.exec(element) ?? [];
    const from = used[field] ?? 0;
    used[field] = from + Number(bits);
    for (let bit = 0; bit < Number(bits); bit++) {
      let value = Math.floor(place[field as keyof Place] / 2 ** (from + bit)) % 2;
      if (hash !== undefined) value = (value + Math.floor(place.row / 2 ** (Number(hash) + bit))) % 2;
      line += value * weight;
      weight *= 2;
    }
  }
  return line;
}
