/** Gains in sweeps, whose points differ in settings that a result does not name. */
import type { PointResult } from '../../simulate/point.js';
import { type Gains, gainsOver } from '../gain.js';
import type { FigurePoint } from './figure.js';
import { COLOURS } from './theme.js';

/** What a gain is of, and its look. */
export const GAIN_PARTS = [
  { key: 'forward', label: 'forward', colour: COLOURS.skyBlue },
  { key: 'backward', label: 'backward and update', colour: COLOURS.orange },
  { key: 'total', label: 'whole iteration', colour: COLOURS.blue },
] as const;

/** A restructured point beside the baseline of the same settings. */
export interface GainPair {
  readonly settings: FigurePoint['settings'];
  readonly baseline: PointResult;
  readonly point: PointResult;
  readonly gains: Gains;
}

/** Pairs every point that is no baseline with the baseline of the same settings; one whose baseline is missing has no gain and is left out. */
export function gainPairs(points: readonly FigurePoint[]): GainPair[] {
  const baselines = new Map(
    points
      .filter(({ settings }) => settings.schedule === 'baseline')
      .map(({ settings, result }) => [caseOf(settings), result]),
  );
  return points.flatMap(({ settings, result }): GainPair[] => {
    const baseline = baselines.get(caseOf(settings));
    if (settings.schedule === 'baseline' || baseline === undefined) return [];
    return [{ settings, baseline, point: result, gains: gainsOver(baseline, result) }];
  });
}

/** Everything but the schedule. */
function caseOf({ schedule: _schedule, userPasses: _passes, ...settings }: FigurePoint['settings']): string {
  return JSON.stringify(settings, (_key, value) => (value === Infinity ? 'infinite' : value));
}
