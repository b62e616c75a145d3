import { describe, expect, it } from 'vitest';
import {
  achievedGbps,
  renderBandwidthTable,
  renderCoreTimeTable,
} from '../../../src/report/bandwidth-table.js';
import { operationOf, pointOf } from './fixtures.js';

const POINT = pointOf([operationOf('conv', 2e-3, 'compute')], {
  busShares: [0.5, 0.1234, 0.0666, 0.11, 0.05, 0.15],
  coreShares: [1 / 3, 1 / 3, 0, 1 / 6, 1 / 12, 0, 1 / 12],
});

/** Numbers of the last line of a table, behind the schedule's name. */
function lastRow(table: string): number[] {
  return (table.trimEnd().split('\n').at(-1) as string).split(/\s+/).slice(1).map(Number);
}

describe('the table of what the memory did', () => {
  it('tells bytes over time', () => {
    // 2 MB read and 1 MB written in 2 ms.
    expect(achievedGbps(POINT)).toBeCloseTo(1.5, 12);
    expect(lastRow(renderBandwidthTable([POINT]))[0]).toBeCloseTo(1.5, 2);
  });

  it('has percentages that add up to 100 as printed', () => {
    const [, ...bus] = lastRow(renderBandwidthTable([POINT]));
    expect(bus).toEqual([50, 12.3, 6.7, 11, 5, 15]);
    const cores = lastRow(renderCoreTimeTable([POINT]));
    expect(cores.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 9);
    expect(cores[0]).toBeCloseTo(33.3, 0);
  });
});
