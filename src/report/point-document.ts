/** Points as one JSON document. */
import { type BusCause, nameBusCauses } from '../machine/dram/bus-time.js';
import type { OperationResult, PointResult } from '../simulate/point.js';
import { type CoreState, nameCoreStates } from '../statistics/core-time.js';
import { TIME_CATEGORIES, type TimeCategory } from '../statistics/time-loss.js';
import { achievedGbps } from './bandwidth-table.js';
import { lossByCategory } from './time-loss-table.js';

/** Core-seconds by time category. */
export type LossSeconds = Readonly<Record<TimeCategory, number>>;

export interface OperationEntry extends Omit<OperationResult, 'lossSeconds'> {
  readonly lossSeconds: LossSeconds;
}

export interface PointEntry extends Omit<PointResult, 'operations' | 'busShares' | 'coreShares'> {
  /** Over all operations: adds up to cores x seconds. */
  readonly lossSeconds: LossSeconds;
  /** 1e9 bytes per second, read and written. */
  readonly achievedGbps: number;
  /** Shares of the data buses' time by cause: add up to 1. */
  readonly busShares: Readonly<Record<BusCause, number>>;
  /** Shares of the cores' time by what they did or what was full: add up to 1. */
  readonly coreShares: Readonly<Record<CoreState, number>>;
  readonly operations: readonly OperationEntry[];
}

export interface PointDocument<Settings> {
  /** Of Normcore. */
  readonly version: string;
  /** What all points share. */
  readonly settings: Settings;
  readonly points: readonly PointEntry[];
}

/** Puts points in the shape of the document, time categories by name. */
export function pointDocument<Settings>(
  version: string,
  settings: Settings,
  points: readonly PointResult[],
): PointDocument<Settings> {
  return {
    version,
    settings,
    points: points.map(({ operations, busShares, coreShares, ...point }) => ({
      ...point,
      achievedGbps: achievedGbps(point),
      busShares: nameBusCauses(busShares),
      coreShares: nameCoreStates(coreShares),
      lossSeconds: nameLosses(lossByCategory(operations)),
      operations: operations.map((operation) => ({
        ...operation,
        lossSeconds: nameLosses(operation.lossSeconds),
      })),
    })),
  };
}

function nameLosses(seconds: readonly number[]): LossSeconds {
  return Object.fromEntries(TIME_CATEGORIES.map(({ key }, at) => [key, seconds[at] as number])) as Record<
    TimeCategory,
    number
  >;
}
