import type { PrefetchSpec } from '../spec.js';
import { Policy, type ShapeOf } from './state.js';

/** Off. */
export const none: ShapeOf<Extract<PrefetchSpec, { kind: 'none' }>> = () => ({
  policy: Policy.None,
  entries: 0,
  degree: 0,
  distance: 0,
  pageBytes: 64,
  byPage: false,
});
