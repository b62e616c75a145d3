/** The passes that are shipped, and the named schedules made of them. A new pass is a file in `passes/` and a line here. */
import type { SchedulePass } from './pass.js';
import { fission } from './passes/fission.js';
import { fuseGradient } from './passes/fuse-gradient.js';
import { fuseNormalise } from './passes/fuse-normalise.js';
import { fuseStatistics } from './passes/fuse-statistics.js';
import { icf } from './passes/icf.js';
import { mvf } from './passes/mvf.js';
import { rcf } from './passes/rcf.js';
import { rejoin } from './passes/rejoin.js';

/** In the order in which the schedules apply them. */
export const SCHEDULE_PASSES: readonly SchedulePass[] = [
  rcf,
  mvf,
  fission,
  fuseStatistics,
  fuseNormalise,
  fuseGradient,
  rejoin,
  icf,
];

/** A list of passes under a name of its own. */
export interface NamedSchedule {
  readonly name: string;
  /** One sentence for `normcore schedule list`. */
  readonly summary: string;
  /** Names of passes, in order. */
  readonly passes: readonly string[];
}

const BNFF = ['rcf', 'mvf', 'fission', 'fuse-statistics', 'fuse-normalise', 'fuse-gradient', 'rejoin'];

/** docs/paper.md, "The transformations": cumulative, from the software as it is to everything fused. */
export const NAMED_SCHEDULES: readonly NamedSchedule[] = [
  { name: 'baseline', summary: 'The software as it is: no pass.', passes: [] },
  { name: 'rcf', summary: 'ReLU is applied by the CONV behind it.', passes: ['rcf'] },
  { name: 'rcf+mvf', summary: 'Also, mean and variance come from one read.', passes: ['rcf', 'mvf'] },
  {
    name: 'bnff',
    summary: 'Also, BN is split and its halves ride on the CONVs before and behind it.',
    passes: BNFF,
  },
  {
    name: 'bnff+icf',
    summary: 'Also, BN at a Concat rides on Concat and Split.',
    passes: [...BNFF, 'fission', 'icf', 'rejoin'],
  },
];
