import type { Replacement } from '../../spec.js';
import { fifo } from './fifo.js';
import { lru } from './lru.js';
import { plru } from './plru.js';
import type { ReplacementKind } from './policy.js';
import { random } from './random.js';
import { srrip } from './srrip.js';

/** Every replacement policy: a file and a line here (and its word in the machine schema, which the compiler holds to this list). */
export const REPLACEMENTS: Readonly<Record<Replacement, ReplacementKind>> = {
  lru,
  fifo,
  random,
  plru,
  srrip,
};
