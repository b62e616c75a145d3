/** Settings of a point that are neither network, machine, schedule nor batch: declared once each, for the command line and for sweep files. */
import type { z } from 'zod';
import { choice, flag, section } from '../config/schema.js';
import { DEFAULT_SCHEDULE_OPTIONS, type ScheduleOptions } from '../schedule/pass.js';
import type { PointSettings } from '../simulate/point.js';

/** How the modelled software behaves where docs/paper.md leaves it open ("The baseline software", grade A). */
export const softwareSchema = section(
  {
    bnBlocking: choice(
      ['streaming', 'cached'],
      'Loops of BN: each sweeps the whole tensor (streaming, MKL-DNN up to v0.11), or channels are taken in groups that fit the caches (cached, from v0.12)',
    ).prefault('streaming'),
    nonTemporalStores: flag(
      'Non-temporal stores where MKL-DNN uses them: BN outputs, and 1x1 CONV outputs under its rule',
    ).prefault(true),
    softwarePrefetch: flag('Software prefetch in the direct convolutions').prefault(true),
    fuseBnRelu: flag(
      'The baseline runs BN and the ReLU behind it as one forward operation (Intel Caffe from 1.1.1)',
    ).prefault(false),
  },
  'The modelled software',
);

/** What the passes do where docs/paper.md leaves it open ("Backward sweeps per edge", grade A). */
export const scheduleOptionsSchema = section(
  {
    storeZ: flag('Fused schedules store Z for the backward pass instead of computing it again').prefault(
      DEFAULT_SCHEDULE_OPTIONS.storeZ,
    ),
    materialiseDx: flag('Fused schedules write dX once instead of computing it at each use').prefault(
      DEFAULT_SCHEDULE_OPTIONS.materialiseDx,
    ),
  },
  'Choices of the schedules',
);

/** The parsed declarations are what the simulator takes: the compiler holds the two together. */
export const DEFAULT_SOFTWARE: PointSettings['software'] = softwareSchema.parse({}) satisfies z.output<
  typeof softwareSchema
>;

/** Defaults of the schedules' choices. */
export const DEFAULT_SCHEDULE: ScheduleOptions = scheduleOptionsSchema.parse({}) satisfies z.output<
  typeof scheduleOptionsSchema
>;

/** Mini-batch of the paper's CPU experiments, and the seed when none is given. */
export const DEFAULT_BATCH = 120;
export const DEFAULT_SEED = 'normcore';
/** Far beyond any use; keeps a slip of the finger from asking for terabytes. */
export const LARGEST_BATCH = 65_536;

/** The settings of a point that have a default, in shape and meaning those of `normcore run`: `{ ...DEFAULT_POINT, network, machine, schedule: 'bnff' }` is a point. */
export const DEFAULT_POINT: Omit<PointSettings, 'network' | 'machine' | 'userPasses'> = {
  schedule: 'baseline',
  batch: DEFAULT_BATCH,
  exact: false,
  seed: DEFAULT_SEED,
  software: DEFAULT_SOFTWARE,
  scheduleOptions: DEFAULT_SCHEDULE,
};
