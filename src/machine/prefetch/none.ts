import type { PrefetchSpec } from '../spec.js';
import { Policy, type PrefetchPolicy } from './state.js';

/** Off. */
export const none: PrefetchPolicy<Extract<PrefetchSpec, { kind: 'none' }>> = {
  sentence: 'no prefetcher',
  shape: () => ({ policy: Policy.None, entries: 0, degree: 0, distance: 0, pageBytes: 64, byPage: false }),
};
