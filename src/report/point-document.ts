/** Points as one JSON document. */
import type { OperationResult, PointResult } from '../simulate/point.js';
import { TIME_CATEGORIES, type TimeCategory } from '../statistics/time-loss.js';
import { lossByCategory } from './time-loss-table.js';

/** Core-seconds by time category. */
export type LossSeconds = Readonly<Record<TimeCategory, number>>;

export interface OperationEntry extends Omit<OperationResult, 'lossSeconds'> {
  readonly lossSeconds: LossSeconds;
}

export interface PointEntry extends Omit<PointResult, 'operations'> {
  /** Over all operations: adds up to cores x seconds. */
  readonly lossSeconds: LossSeconds;
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
    points: points.map(({ operations, ...point }) => ({
      ...point,
      lossSeconds: nameLosses(lossByCategory({ ...point, operations })),
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
